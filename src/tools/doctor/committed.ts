// Committed memory of a server: what eviction cannot take back under its policy. The checks of the limit use it, because on a
// server that evicts, used memory stays at maxmemory. The rule itself is memory/evictable.ts; the sizes come from the sampled keys.
import { percentText } from '../../core/words.js';
import { type Evictable, evictableOf, NOTHING_EVICTABLE } from '../../memory/evictable.js';
import { BadReading, memoryOf } from '../../memory/reading.js';
import { UNCOUNTED_BYTES } from '../../memory/sampling/sample-window.js';
import type { Facts } from './facts.js';
import { figure, keyspace, sizeText } from './finding.js';
import { counted } from './room.js';

export interface Committed {
  readonly usedBytes: number;
  readonly committedBytes: number;
  readonly evictableBytes: number;
  /** `known`: from INFO alone; `sampled`: from the sampled keys; `rough`: from the share of keys with a TTL. */
  readonly basis: Evictable['basis'];
}

/** Pure. If INFO memory cannot be read, nothing counts as evictable. */
export function committedOf(facts: Facts): Committed {
  const usedBytes = counted(facts);
  const { bytes, basis } = evictable(facts);
  return { usedBytes, committedBytes: usedBytes - bytes, evictableBytes: bytes, basis };
}

function evictable(facts: Facts): Pick<Evictable, 'bytes' | 'basis'> {
  const { groups } = facts.keys ?? {};
  const bytes = groups?.reduce((sum, { bytes: all, withoutTtlBytes, keys, withoutTtl }) => {
    const uncounted = (keys.estimate - withoutTtl.estimate) * UNCOUNTED_BYTES;
    return sum + Math.max(0, all.estimate - withoutTtlBytes + uncounted);
  }, 0);
  const examined =
    bytes === undefined ? undefined : { estimate: () => ({ bytes, errorBytes: 0, samples: 0 }) };
  try {
    return evictableOf(memoryOf(facts.info), keyspace(facts), examined, 0);
  } catch (error) {
    if (!(error instanceof BadReading)) throw error;
    return NOTHING_EVICTABLE;
  }
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
