// The ways to run one server that `npm run bench:policies` compares: its eviction policy, and Spillway in front or not.
// Pure data.

export interface Way {
  /** As in the table. */
  readonly name: string;
  readonly policy: string;
  /** The rules of the proxy in front; undefined: the writers talk to Redis itself. */
  readonly rules?: readonly object[];
}

/** Caches can be made again; the other keys must stay. Locks and rate limits have no rule, as in most applications. */
const DURABLE = [
  { name: 'logs', match: 'log:*', durable: true, priority: 'low' },
  { name: 'orders', match: 'order:*', durable: true, priority: 'high' },
  { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
];
const CACHE = { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' };
export const TTL_RULES = [CACHE, ...DURABLE];
export const EVICT_RULES = [{ ...CACHE, evict: true }, ...DURABLE];

export const WAYS: readonly Way[] = [
  { name: 'noeviction', policy: 'noeviction' },
  { name: 'volatile-lru', policy: 'volatile-lru' },
  { name: 'volatile-ttl', policy: 'volatile-ttl' },
  { name: 'volatile-lfu', policy: 'volatile-lfu' },
  { name: 'allkeys-lru', policy: 'allkeys-lru' },
  { name: 'Spillway, noeviction', policy: 'noeviction', rules: TTL_RULES },
  { name: 'Spillway, volatile-lru', policy: 'volatile-lru', rules: TTL_RULES },
  { name: 'Spillway, volatile-ttl', policy: 'volatile-ttl', rules: TTL_RULES },
  { name: 'Spillway, volatile-lfu', policy: 'volatile-lfu', rules: TTL_RULES },
  { name: 'Spillway, volatile-random', policy: 'volatile-random', rules: TTL_RULES },
  { name: 'Spillway, noeviction, evict', policy: 'noeviction', rules: EVICT_RULES },
  { name: 'Spillway, volatile-lru, evict', policy: 'volatile-lru', rules: EVICT_RULES },
];

/** One way by its whole name, if that has a comma, or all whose names contain one of the parts between commas. @throws Error naming the flag: no way's name contains `text` */
export function waysNamed(text: string): readonly Way[] {
  const one = WAYS.filter(
    ({ name }) => name.includes(',') && name.toLowerCase() === text.trim().toLowerCase(),
  );
  if (one.length > 0) return one;
  const wanted = text.split(',').map((part) => part.trim().toLowerCase());
  const found = WAYS.filter(({ name }) => wanted.some((part) => name.toLowerCase().includes(part)));
  if (found.length > 0) return found;
  throw new Error(`--only ${text}: names none of ${WAYS.map(({ name }) => `"${name}"`).join(', ')}`);
}
