// The interface that hears of writes to the keys of a rule with a budget. Called on the hot path: no allocation for keys that
// are not watched. `bytes` are on the wire; a lifetime is in milliseconds, or one of Lifetime; a negative one means "only if
// the key has no TTL".

import { TtlOutcome } from './observer.js';

export const Lifetime = {
  /** As before; a new key has none. */
  KEPT: 0,
  NONE: Number.POSITIVE_INFINITY,
} as const;

export interface HeldKeys {
  /** The key is a string of `bytes` now. */
  replaced(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void;
  /** `bytes` were added to the value of the key, or replaced a part of it. */
  grown(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void;
  /** The key may have any value now, or be gone. */
  changed(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void;
  /** The key has another lifetime. */
  lives(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void;
  /** The key is gone. */
  ended(key: Uint8Array, start: number, end: number, hash: number): void;
  /** All keys are gone, as far as known. */
  clear(): void;
}

/** How long a key lives after this write. `ownMs`: by the expiry that it was forwarded with; 0: none. */
export function lifetimeBehind(
  outcome: TtlOutcome,
  replaces: boolean,
  ownMs: number,
  ruleMs: number,
): number {
  switch (outcome) {
    case TtlOutcome.INJECTED:
      return ownMs > 0 ? ownMs : ruleMs;
    case TtlOutcome.FOLLOW_UP:
      return replaces ? ruleMs : -ruleMs;
    case TtlOutcome.CLAMPED:
    case TtlOutcome.HAD_TTL:
    case TtlOutcome.WOULD_CLAMP:
      return ownMs > 0 ? ownMs : Lifetime.KEPT;
    default:
      return replaces ? Lifetime.NONE : Lifetime.KEPT;
  }
}
