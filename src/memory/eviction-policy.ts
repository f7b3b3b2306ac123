// What the server's maxmemory-policy means. Policies are told apart by the beginning of their names, so a new one of either kind
// (allkeys-lrm, volatile-lrm) is known, too.

/** The keys that a server evicts: all, those with a TTL, or none. */
export type Eviction = 'all' | 'volatile' | 'none';

/** What a server with this policy evicts once memory has reached maxmemory. */
export function evictedUnder(policy: string): Eviction {
  if (policy.startsWith('allkeys-')) return 'all';
  return policy.startsWith('volatile-') ? 'volatile' : 'none';
}
