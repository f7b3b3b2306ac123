// The interface that hears of writes to keys that Spillway may evict: keys of rules with `evict`. Called on the hot path: no
// allocation. `hash` is hashKey() of key[start, end); the database may be unknown (ANY_DATABASE).
import type { Size } from './size-class.js';

export interface EvictableKeys {
  /**
   * A write to a key of the rule in `slot` was sent; the key then has this size, and this lifetime, as HeldKeys says it (negative:
   * if it has none).
   */
  written(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
    size: Size,
    lifetimeMs: number,
  ): void;
  /** The key is gone, or may no longer be evicted, whatever its rule. */
  ended(key: Uint8Array, start: number, end: number, hash: number, db: number): void;
  /** The key has another lifetime; Infinity: none. */
  lives(key: Uint8Array, start: number, end: number, hash: number, db: number, lifetimeMs: number): void;
  /** Some keys are gone, or have changed places; which ones is unknown. */
  clear(): void;
  /** The bytes of the written keys are about to change. */
  settle?(): void;
}
