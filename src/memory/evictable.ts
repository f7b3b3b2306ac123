// How much memory the server can evict under its policy, and what remains: committed memory. Pressure counts only that.
//   noeviction, or no maxmemory   nothing
//   volatile-*                    the keys with a TTL: their number (INFO keyspace) × their mean size, from random keys
//                                 (sampling/), and their part of the tables of keys, which shrink once few keys are left.
//                                 If all keys have a TTL, all keys
//   allkeys-*                     all keys
// Without samples, volatile-* uses the share of keys that have a TTL, and marks the result as rough.
// The memory of keys without a TTL is never estimated from their own samples, since one list may be half of memory: it
// is the rest.
// Pure. Invariant: 0 <= bytes <= what Redis compares with maxmemory, less what belongs to no key.
import { type Eviction, evictedUnder } from './eviction-policy.js';
import { countedBytes, type KeyspaceReading, type Reading } from './reading.js';
import type { SampleWindow } from './sampling/sample-window.js';

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
 * What MEMORY USAGE, or the window for a TTL, counts of the tables for each key: its entry and the head of its object. Servers
 * with smaller entries (Valkey 8.1, Redis 8.2) then seem to have small buckets, or none.
 */
const ENTRY_BYTES = { key: 40, ttl: 24 } as const;

/** What a server with this policy evicts at maxmemory. */
export function evictionOf({ policy, maxmemoryBytes }: Pick<Reading, 'policy' | 'maxmemoryBytes'>): Eviction {
  return maxmemoryBytes === 0 ? 'none' : evictedUnder(policy);
}

/** `window`: the sizes of random keys; undefined: nobody samples keys. */
export function evictableOf(
  reading: Reading,
  keyspace: Pick<KeyspaceReading, 'keys' | 'expires'> | undefined,
  window: Pick<SampleWindow, 'estimate'> | undefined,
  now: number,
): Evictable {
  const eviction = evictionOf(reading);
  if (eviction === 'none') return NOTHING_EVICTABLE;
  const ofKeys = Math.max(0, countedBytes(reading) - reading.notKeysBytes);
  // Until the server has reported its keys, nothing is refused because of them.
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

/** The part of the tables, apart from the entries that samples contain, that belongs to this many keys and their TTLs. */
function bucketsOf(
  { tablesBytes }: Reading,
  { keys, expires }: Pick<KeyspaceReading, 'keys' | 'expires'>,
  evictable: number,
): number {
  const buckets = Math.max(0, tablesBytes - keys * ENTRY_BYTES.key - expires * ENTRY_BYTES.ttl);
  return (buckets * 2 * evictable) / (keys + expires);
}
