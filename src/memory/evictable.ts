// What eviction can take back under the server's policy, and what is left: committed memory. Pressure goes by that.
//   noeviction, or no maxmemory   nothing
//   volatile-*                    what keys with a TTL hold: how many there are (INFO keyspace) × their mean size, from random
//                                 keys (sampling/), and their part of the tables of keys, which shrink once few are left. If
//                                 all keys have a TTL, all that keys hold
//   allkeys-*                     all that keys hold
// Without samples, volatile-* goes by the share of keys that have a TTL, and says that this is rough.
// What keys without a TTL hold is never estimated by their own samples, since one list may be half of memory: it is what is left.
// Pure. Invariant: 0 <= bytes <= what Redis compares with maxmemory, less what is no key.
import { countedBytes, type KeyspaceReading, type Reading } from './reading.js';
import type { SampleWindow } from './sampling/sample-window.js';

/** Which keys the server evicts. */
export type Eviction = 'none' | 'volatile' | 'all';

/** `sampled` and `rough`: estimates; `known`: INFO alone says it. */
export type Basis = 'known' | 'sampled' | 'rough';

export interface Evictable {
  readonly eviction: Eviction;
  readonly bytes: number;
  /** Half of the 95% confidence interval; null: rough. */
  readonly errorBytes: number | null;
  /** Keys that may be evicted. */
  readonly keys: number;
  readonly basis: Basis;
}

export const NOTHING_EVICTABLE: Evictable = {
  ...{ eviction: 'none', basis: 'known', bytes: 0, errorBytes: 0, keys: 0 },
};

/**
 * What MEMORY USAGE, or the window for a TTL, counts of the tables for each key: its entry and the head of its object. Servers that
 * keep less (Valkey 8.1, Redis 8.2) then seem to have small buckets, or none.
 */
const ENTRY_BYTES = { key: 40, ttl: 24 } as const;

/** What a server with this policy evicts at maxmemory. */
export function evictionOf({ policy, maxmemoryBytes }: Pick<Reading, 'policy' | 'maxmemoryBytes'>): Eviction {
  if (maxmemoryBytes === 0) return 'none';
  if (policy.startsWith('allkeys-')) return 'all';
  return policy.startsWith('volatile-') ? 'volatile' : 'none';
}

/** `window`: the sizes of random keys; undefined: nobody looks at keys. */
export function evictableOf(
  reading: Reading,
  keyspace: KeyspaceReading | undefined,
  window: SampleWindow | undefined,
  now: number,
): Evictable {
  const eviction = evictionOf(reading);
  if (eviction === 'none') return NOTHING_EVICTABLE;
  const ofKeys = Math.max(0, countedBytes(reading) - reading.notKeysBytes);
  // Until it is known which keys there are, nothing is refused for them.
  if (keyspace === undefined) return { eviction, bytes: ofKeys, errorBytes: null, keys: 0, basis: 'rough' };
  const keys = eviction === 'all' ? keyspace.keys : Math.min(keyspace.expires, keyspace.keys);
  if (keys === keyspace.keys || keys === 0)
    return { eviction, bytes: keys === 0 ? 0 : ofKeys, errorBytes: 0, keys, basis: 'known' };
  const sampled = window?.estimate('expiring', keys, ofKeys, now);
  if (sampled === undefined)
    return { eviction, bytes: (ofKeys * keys) / keyspace.keys, errorBytes: null, keys, basis: 'rough' };
  const bytes = Math.min(ofKeys, sampled.bytes + bucketsOf(reading, keyspace, keys));
  return { eviction, bytes, errorBytes: sampled.errorBytes, keys, basis: 'sampled' };
}

/** What the tables hold beside an entry for each key, which samples contain: the part of it that so many keys have with their TTLs. */
function bucketsOf({ tablesBytes }: Reading, { keys, expires }: KeyspaceReading, evictable: number): number {
  const buckets = Math.max(0, tablesBytes - keys * ENTRY_BYTES.key - expires * ENTRY_BYTES.ttl);
  return (buckets * 2 * evictable) / (keys + expires);
}
