// The options of a SET whose value is too large to hold: they arrive after the value, one argument at a time.
// An expiry can still be cut in place. If there is none, only a follow-up can give one.

import type { CompiledRule } from './compiled-rule.js';
import type { TtlOutcome } from './observer.js';
import { clampNumber, ExpiryKind, isRelative, lifetimeOf, readExpiry, TtlOptions } from './ttl-options.js';
import { expiryOutcome, followUpOutcome, keptOutcome } from './ttl-outcome.js';

export class OptionTail {
  private readonly options = new TtlOptions();
  /** The last expiry, as it is forwarded. */
  lifetimeMs = 0;
  private clamped = false;
  /** Redis will refuse the last expiry. */
  private refused = false;

  constructor(
    private readonly rule: CompiledRule,
    private readonly followUps: boolean,
  ) {}

  /**
   * Takes one option argument; returns the number that replaces it, or -1. `now`: the server's time, epoch. While that is
   * unknown, a point in time stays as it is, because one in the past would delete the key.
   */
  feed(buf: Uint8Array, start: number, end: number, now: () => number, nowKnown: boolean): number {
    if (!this.options.feed(buf, start, end)) return -1;
    const { unit } = this.options;
    const expiry = readExpiry(buf, start, end, unit, now);
    this.refused = expiry < 0;
    this.lifetimeMs = lifetimeOf(expiry, unit, now);
    if (this.refused || this.rule.maxTtlMs === 0 || !(nowKnown || isRelative(unit))) return -1;
    const clamped = clampNumber(expiry, unit, this.rule.maxTtlMs, now);
    this.clamped = clamped >= 0;
    if (this.rule.observe || clamped < 0) return -1;
    this.lifetimeMs = lifetimeOf(clamped, unit, now);
    return clamped;
  }

  /** Without these options the key loses its TTL. */
  get replaces(): boolean {
    return this.options.kind !== ExpiryKind.KEEP && !this.options.ifMissing;
  }

  /** NX: an existing key stays unchanged. */
  get ifMissing(): boolean {
    return this.options.ifMissing;
  }

  /** The outcome after all options; undefined: Redis will refuse the command. */
  finish(): TtlOutcome | undefined {
    switch (this.options.finish()) {
      case ExpiryKind.MALFORMED:
        return undefined;
      case ExpiryKind.EXPIRY:
        return this.refused ? undefined : expiryOutcome(this.rule, this.clamped);
      case ExpiryKind.KEEP:
        return keptOutcome(this.rule, this.followUps);
      default:
        return followUpOutcome(this.rule, this.followUps);
    }
  }
}
