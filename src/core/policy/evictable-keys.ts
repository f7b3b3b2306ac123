// The interface that learns of writes to keys that Spillway may evict: keys of rules with `evict`. Called on the hot
// path: no allocation. `hash` is hashKey() of key[start, end); the database may be unknown (ANY_DATABASE).
import type { Size } from './size-class.js';

export interface EvictableKeys {
  /** A write of a key of the rule in `slot` was sent, which leaves it so large. */
  written(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
    size: Size,
  ): void;
  /** The key, of whatever rule, is gone. */
  ended(key: Uint8Array, start: number, end: number, hash: number, db: number): void;
  /** Keys are gone, or have changed places, and nobody knows which. */
  clear(): void;
}
