// Whether shedding applies to this server: by its limit and its eviction policy.
// A healthy allkeys-* cache stays at its limit for ever and accepts every write. Refusing there would be the outage.
import type { KeyspaceReading, Reading } from './reading.js';

export interface Applicability {
  readonly applies: boolean;
  /** The limit that pressure is measured against, bytes; 0: none. */
  readonly limitBytes: number;
  /** Redis itself refuses at maxmemory, so a write larger than the free memory would overshoot. */
  readonly refusesAtLimit: boolean;
  /** One sentence for the log, the API and the page. */
  readonly reason: string;
}

export interface ApplicabilityOptions {
  readonly shedWhen: 'auto' | 'always' | 'never';
  /** The user's own limit, bytes. */
  readonly limitBytes: number | undefined;
}

/** With volatile-*, Redis evicts keys with a TTL. Below this share of all keys it soon has none left. */
const FEW_EXPIRING = 0.05;

/** `oomSeen`: Redis has answered OOM within the last seconds, so eviction does not help, whatever the policy says. */
export function judgeApplicability(
  reading: Reading,
  keyspace: KeyspaceReading | undefined,
  options: ApplicabilityOptions,
  oomSeen: boolean,
): Applicability {
  const { maxmemoryBytes, policy } = reading;
  const limits = [maxmemoryBytes, options.limitBytes ?? 0].filter((bytes) => bytes > 0);
  const limitBytes = limits.length > 0 ? Math.min(...limits) : 0;
  const evictingNothing = policy.startsWith('volatile-') && hasFewExpiring(keyspace);
  const refusesAtLimit = maxmemoryBytes > 0 && (policy === 'noeviction' || policy === '' || evictingNothing);
  const verdict = (applies: boolean, reason: string) => ({
    applies,
    limitBytes,
    refusesAtLimit: applies && refusesAtLimit,
    reason,
  });
  if (options.shedWhen === 'never') return verdict(false, 'off: memory.shedWhen is "never"');
  if (keyspace?.replica)
    return verdict(false, 'off: the server is a replica, which leaves its memory to its primary');
  if (limitBytes === 0)
    return verdict(false, 'off: the server has no maxmemory and the config no memory.limit');
  if (options.shedWhen === 'always') return verdict(true, 'on: memory.shedWhen is "always"');
  if (maxmemoryBytes === 0) return verdict(true, 'on: memory.limit is set and the server has no maxmemory');
  if (refusesAtLimit && !evictingNothing)
    return verdict(true, `on: with ${policy || 'no policy'} Redis refuses writes at maxmemory`);
  if (evictingNothing) return verdict(true, `on: with ${policy} Redis has hardly any key to evict`);
  if (oomSeen) return verdict(true, `on: Redis answers OOM although ${policy} should evict`);
  return verdict(false, `off: with ${policy} Redis evicts at maxmemory and accepts writes`);
}

function hasFewExpiring(keyspace: KeyspaceReading | undefined): boolean {
  return keyspace !== undefined && keyspace.keys > 0 && keyspace.expires / keyspace.keys < FEW_EXPIRING;
}
