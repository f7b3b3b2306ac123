// Whether shedding applies to this server: by its limit and its eviction policy.
// A healthy allkeys-* cache stays at its limit for ever and accepts every write. Refusing there would be the outage. With
// volatile-* that is true while there are keys with a TTL: so shedding applies, and pressure counts only what cannot be
// evicted.
import { evictionOf } from './evictable.js';
import type { KeyspaceReading, Reading } from './reading.js';

export interface Applicability {
  readonly applies: boolean;
  /** The limit that pressure is measured against, bytes; 0: none. */
  readonly limitBytes: number;
  /** Redis itself refuses at maxmemory, so a write larger than the free memory would overshoot. */
  readonly refusesAtLimit: boolean;
  /** What the server can evict does not count as used: pressure is committed memory as a share of the limit. */
  readonly evictionCounts: boolean;
  /** One sentence for the log, the API and the page. */
  readonly reason: string;
}

export interface ApplicabilityOptions {
  readonly shedWhen: 'auto' | 'always' | 'never';
  /** The limit from the config, in bytes. */
  readonly limitBytes: number | undefined;
}

/** `oomSeen`: Redis has answered OOM within the last seconds, so it has nothing to evict, whatever the estimate says. */
export function judgeApplicability(
  reading: Reading,
  keyspace: KeyspaceReading | undefined,
  options: ApplicabilityOptions,
  oomSeen: boolean,
): Applicability {
  const { maxmemoryBytes, policy } = reading;
  const limits = [maxmemoryBytes, options.limitBytes ?? 0].filter((bytes) => bytes > 0);
  const limitBytes = limits.length > 0 ? Math.min(...limits) : 0;
  const eviction = evictionOf(reading);
  const verdict = (applies: boolean, reason: string, evictionCounts = true): Applicability => ({
    ...{ applies, limitBytes, reason, evictionCounts },
    refusesAtLimit: applies && maxmemoryBytes > 0 && eviction !== 'all',
  });
  if (options.shedWhen === 'never') return verdict(false, 'off: memory.shedWhen is "never"');
  if (keyspace?.replica)
    return verdict(false, 'off: the server is a replica, so its primary decides about memory');
  if (limitBytes === 0)
    return verdict(false, 'off: the server has no maxmemory and the config has no memory.limit');
  if (options.shedWhen === 'always') return verdict(true, 'on: memory.shedWhen is "always"', false);
  if (maxmemoryBytes === 0) return verdict(true, 'on: memory.limit is set and the server has no maxmemory');
  if (eviction === 'none')
    return verdict(true, `on: with ${policy || 'no policy'} Redis refuses writes at maxmemory`);
  if (oomSeen) return verdict(true, `on: Redis answers OOM although ${policy} should evict`, false);
  if (eviction === 'volatile')
    return verdict(true, `on: with ${policy} Redis refuses writes once no key with a TTL is left to evict`);
  return verdict(false, `off: with ${policy} Redis evicts at maxmemory and accepts writes`);
}
