// Committed memory of a server: what eviction cannot take back under its policy. The checks of the limit use it, because on a
// server that evicts, used memory stays at maxmemory. memory/evictable.ts has the same rule for the running proxy.
import { percentText } from '../../core/words.js';
import { evictionOf } from '../../memory/evictable.js';
import type { Facts } from './facts.js';
import { figure, keyspace, sizeText } from './finding.js';
import { counted } from './room.js';

export interface Committed {
  readonly usedBytes: number;
  readonly committedBytes: number;
  readonly evictableBytes: number;
  /** `known`: from INFO alone; `sampled`: from the sampled keys; `rough`: from the share of keys with a TTL. */
  readonly basis: 'known' | 'sampled' | 'rough';
}

/** Pure. */
export function committedOf(facts: Facts): Committed {
  const usedBytes = counted(facts);
  const [evictableBytes, basis] = evictableOf(facts, usedBytes);
  return { usedBytes, committedBytes: usedBytes - evictableBytes, evictableBytes, basis };
}

function evictableOf(facts: Facts, usedBytes: number): [number, Committed['basis']] {
  const policy = facts.info.get('maxmemory_policy') ?? '';
  const eviction = evictionOf({ policy, maxmemoryBytes: figure(facts, 'maxmemory') || 0 });
  const { keys, expires } = keyspace(facts);
  if (eviction === 'none' || expires + keys === 0) return [0, 'known'];
  const ofKeys = Math.max(0, usedBytes - (figure(facts, 'used_memory_startup') || 0));
  if (eviction === 'all' || expires >= keys) return [ofKeys, 'known'];
  if (expires === 0) return [0, 'known'];
  if (facts.keys === undefined) return [(ofKeys * expires) / keys, 'rough'];
  const withTtl = facts.keys.groups.reduce((sum, { bytes, withoutTtlBytes }) => {
    return sum + Math.max(0, bytes.estimate - withoutTtlBytes);
  }, 0);
  return [Math.min(ofKeys, withTtl), 'sampled'];
}

/** The same as a share of maxmemory; NaN without a limit. */
export function committedShare(facts: Facts): number {
  const limit = figure(facts, 'maxmemory');
  return limit > 0 ? committedOf(facts).committedBytes / limit : Number.NaN;
}

/** `98.0% of 100 MB, volatile-lru: it can evict 1.2 MB of the 99 MB in use`; undefined: there is no limit. */
export function committedText(facts: Facts): string | undefined {
  const limit = figure(facts, 'maxmemory');
  if (!(limit > 0)) return undefined;
  const { usedBytes, committedBytes, evictableBytes, basis } = committedOf(facts);
  const policy = facts.info.get('maxmemory_policy') ?? '';
  const of = `${percentText(committedBytes / limit)} of ${sizeText(limit)}, ${policy}`;
  if (policy === 'noeviction' || policy === '') return of;
  const about = basis === 'known' ? '' : 'about ';
  return `${of}: it can evict ${about}${sizeText(evictableBytes)} of the ${sizeText(usedBytes)} in use`;
}
