// Reads the options of SET, GETEX and MSETEX: whether they carry an expiry, keep one, or are invalid.
// Mirrors parseExtendedStringArgumentsOrReply (t_string.c of Redis 7, with the IFEQ family of Valkey 8.1 and Redis 8.4).
// It takes one argument at a time, because the options after a large value arrive long after the command began. If servers
// differ, the most lenient one counts: a server that refuses the options also refuses them with a TTL.
// Invariant: `kind` is the result of the arguments so far; MALFORMED is final.
import { equalsIgnoreCase, readPositiveInteger } from '../resp/bytes.js';

export const ExpiryKind = { NONE: 0, KEEP: 1, EXPIRY: 2, MALFORMED: 3 } as const;
export type ExpiryKind = (typeof ExpiryKind)[keyof typeof ExpiryKind];

export const ExpiryUnit = { SECONDS: 0, MILLISECONDS: 1, AT_SECONDS: 2, AT_MILLISECONDS: 3 } as const;
export type ExpiryUnit = (typeof ExpiryUnit)[keyof typeof ExpiryUnit];

const Expect = { OPTION: 0, EXPIRY: 1, COMPARAND: 2 } as const;
type Expect = (typeof Expect)[keyof typeof Expect];

const Existence = { ANY: 0, MISSING: 1, PRESENT: 2 } as const;
type Existence = (typeof Existence)[keyof typeof Existence];

const COMPARISONS = ['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE'] as const;

export class TtlOptions {
  kind: ExpiryKind = ExpiryKind.NONE;
  unit: ExpiryUnit = ExpiryUnit.SECONDS;
  /** The same expiry option occurs twice; Redis uses the last number. */
  repeated = false;
  private expect: Expect = Expect.OPTION;
  private existence: Existence = Existence.ANY;
  /** Index in COMPARISONS of the IF… condition that was seen; -1: none. */
  private comparison = -1;
  private persistAllowed = false;

  /** Starts over. `persistAllowed`: for GETEX, which has PERSIST where SET has KEEPTTL. */
  reset(persistAllowed: boolean): void {
    this.kind = ExpiryKind.NONE;
    this.repeated = false;
    this.expect = Expect.OPTION;
    this.existence = Existence.ANY;
    this.comparison = -1;
    this.persistAllowed = persistAllowed;
  }

  /** Takes the next argument. Returns true when it is the number of an expiry whose `unit` is now known. */
  feed(buf: Uint8Array, start: number, end: number): boolean {
    if (this.kind === ExpiryKind.MALFORMED) return false;
    if (this.expect === Expect.EXPIRY) {
      this.expect = Expect.OPTION;
      return true;
    }
    if (this.expect === Expect.COMPARAND) this.expect = Expect.OPTION;
    else this.readOption(buf, start, end);
    return false;
  }

  /** NX: an existing key is never overwritten. */
  get ifMissing(): boolean {
    return this.existence === Existence.MISSING;
  }

  /** No more arguments: an option still waiting for its value makes the command malformed. */
  finish(): ExpiryKind {
    if (this.expect !== Expect.OPTION) this.kind = ExpiryKind.MALFORMED;
    return this.kind;
  }

  private readOption(buf: Uint8Array, start: number, end: number): void {
    if (equalsIgnoreCase(buf, start, end, 'EX')) this.expiry(ExpiryUnit.SECONDS);
    else if (equalsIgnoreCase(buf, start, end, 'PX')) this.expiry(ExpiryUnit.MILLISECONDS);
    else if (equalsIgnoreCase(buf, start, end, 'EXAT')) this.expiry(ExpiryUnit.AT_SECONDS);
    else if (equalsIgnoreCase(buf, start, end, 'PXAT')) this.expiry(ExpiryUnit.AT_MILLISECONDS);
    else if (
      this.persistAllowed
        ? equalsIgnoreCase(buf, start, end, 'PERSIST')
        : equalsIgnoreCase(buf, start, end, 'KEEPTTL')
    )
      this.keep();
    else if (this.persistAllowed) this.kind = ExpiryKind.MALFORMED;
    else if (equalsIgnoreCase(buf, start, end, 'NX')) this.requireExistence(Existence.MISSING);
    else if (equalsIgnoreCase(buf, start, end, 'XX')) this.requireExistence(Existence.PRESENT);
    else if (!equalsIgnoreCase(buf, start, end, 'GET')) this.readComparison(buf, start, end);
  }

  /** Redis accepts the same expiry option twice (the last number counts); two different ones contradict each other. */
  private expiry(unit: ExpiryUnit): void {
    this.repeated = this.kind === ExpiryKind.EXPIRY && this.unit === unit;
    if (this.kind !== ExpiryKind.NONE && !this.repeated) {
      this.kind = ExpiryKind.MALFORMED;
      return;
    }
    this.kind = ExpiryKind.EXPIRY;
    this.unit = unit;
    this.expect = Expect.EXPIRY;
  }

  private keep(): void {
    this.kind = this.kind === ExpiryKind.EXPIRY ? ExpiryKind.MALFORMED : ExpiryKind.KEEP;
  }

  /** The same option may be repeated, and may follow a comparison (Redis 8.4); the two contradict each other. */
  private requireExistence(existence: Existence): void {
    if (this.existence !== Existence.ANY && this.existence !== existence) this.kind = ExpiryKind.MALFORMED;
    this.existence = existence;
  }

  /** IFEQ and similar options, with a comparand after them; not after NX or XX, nor after another comparison. */
  private readComparison(buf: Uint8Array, start: number, end: number): void {
    let comparison = COMPARISONS.length - 1;
    while (comparison >= 0 && !equalsIgnoreCase(buf, start, end, COMPARISONS[comparison])) comparison--;
    const repeated = this.comparison === -1 || this.comparison === comparison;
    if (comparison < 0 || this.existence !== Existence.ANY || !repeated) this.kind = ExpiryKind.MALFORMED;
    this.comparison = comparison;
    this.expect = Expect.COMPARAND;
  }
}

/** The largest 64-bit integer, in which Redis keeps an expiry as milliseconds since the epoch. */
const LLONG_MAX = 2 ** 63;
const LLONG_DIGITS = 19;
/** How far the server's clock may differ from the known one; near 2^63 numbers are not exact either. */
const UNSURE_MS = 24 * 60 * 60 * 1000;

/**
 * The expiry buf[start, end) as a number of its unit; -1 if Redis refuses it or may refuse it: within a day of the largest that
 * Redis can keep (getExpireMillisecondsOrReply, t_string.c). `now`: the server's time, epoch.
 */
export function readExpiry(
  buf: Uint8Array,
  start: number,
  end: number,
  unit: ExpiryUnit,
  now: () => number,
): number {
  const value = readPositiveInteger(buf, start, end, LLONG_DIGITS);
  const milliseconds = inSeconds(unit) ? value * 1000 : value;
  // An expiry far from the bound needs no clock.
  if (milliseconds < LLONG_MAX / 2) return value;
  return milliseconds < LLONG_MAX - UNSURE_MS - (isRelative(unit) ? now() : 0) ? value : -1;
}

/**
 * The number that replaces an expiry of `value` units so that the key lives at most `maxTtlMs`; -1 if the expiry stays. A span
 * keeps its unit, rounded down, but never below one unit of life; a point in time becomes a span of milliseconds, so that a
 * wrong clock can delete nothing.
 */
export function clampExpiry(value: number, unit: ExpiryUnit, maxTtlMs: number, now: () => number): number {
  if (unit === ExpiryUnit.SECONDS) return inBounds(value, Math.max(1, Math.floor(maxTtlMs / 1000)));
  if (unit === ExpiryUnit.MILLISECONDS) return inBounds(value, maxTtlMs);
  return lifetimeOf(value, unit, now) > maxTtlMs ? maxTtlMs : -1;
}

/** The same if only the number can be replaced, because its unit has gone up already. */
export function clampNumber(value: number, unit: ExpiryUnit, maxTtlMs: number, now: () => number): number {
  if (isRelative(unit)) return clampExpiry(value, unit, maxTtlMs, now);
  const until = now() + maxTtlMs;
  if (unit === ExpiryUnit.AT_MILLISECONDS) return inBounds(value, Math.floor(until));
  return inBounds(value, Math.max(Math.floor(until / 1000), Math.ceil((until - maxTtlMs) / 1000) + 1));
}

/** The lifetime of a key that gets an expiry of `value` units now, in milliseconds. `now`: the server's time, epoch. */
export function lifetimeOf(value: number, unit: ExpiryUnit, now: () => number): number {
  const milliseconds = inSeconds(unit) ? value * 1000 : value;
  return isRelative(unit) ? milliseconds : milliseconds - now();
}

/** Whether it is EX or PX, not EXAT or PXAT. */
export function isRelative(unit: ExpiryUnit): boolean {
  return unit === ExpiryUnit.SECONDS || unit === ExpiryUnit.MILLISECONDS;
}

function inSeconds(unit: ExpiryUnit): boolean {
  return unit === ExpiryUnit.SECONDS || unit === ExpiryUnit.AT_SECONDS;
}

function inBounds(value: number, bound: number): number {
  return value > bound ? bound : -1;
}
