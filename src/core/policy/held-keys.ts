// The interface that learns of writes to the keys of a rule with a budget. Called on the hot path: no allocation for keys
// that are not watched. `bytes` are on the wire; a lifetime is in milliseconds, or one of Lifetime, and below 0 "only if
// it has none".

export const Lifetime = {
  /** As it was; a new key has none. */
  KEPT: 0,
  NONE: Number.POSITIVE_INFINITY,
} as const;

export interface HeldKeys {
  /** The key is a string of `bytes` now. */
  replaced(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void;
  /** `bytes` were added to the value of the key, or replaced a part of it. */
  grown(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void;
  /** The key may hold anything now, or be gone. */
  changed(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void;
  /** The key has another lifetime. */
  lives(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void;
  /** The key is gone. */
  ended(key: Uint8Array, start: number, end: number, hash: number): void;
  /** All keys are gone, as far as is known. */
  clear(): void;
}
