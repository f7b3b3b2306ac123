// Estimates the memory of all keys from random keys with sizes measured by the server: their mean size times the number of
// keys. Pure: the clock comes with each call (monotonic milliseconds).
// A few large keys may hold most of the memory. If one is in the window by chance, it would stand for many like it. So what one
// sample stands for is bounded: by MOST_SHARE of used memory, or by its own size if that is more. So the estimate is too low if
// single keys are huge, but it never jumps.
// Invariants: at most CAPACITY samples, of at most LONGEST_MS; nothing is allocated after construction; an estimate is never
// negative and never more than used memory.

/** Keys that have a TTL, or all. */
export type Kind = 'expiring' | 'all';

export interface SizeEstimate {
  readonly bytes: number;
  /** Half of the 95% confidence interval, plus the error that all keys may share (KEY_ERROR_BYTES). */
  readonly errorBytes: number;
  /** The number of samples that it comes from. */
  readonly samples: number;
}

const CAPACITY = 4096;
/** Samples of the last WINDOW_MS count, and older ones while there are fewer than ENOUGH of their kind. */
const WINDOW_MS = 20_000;
const LONGEST_MS = 120_000;
const ENOUGH = 64;
/** With fewer samples nothing is estimated. */
const LEAST = 8;
/** Share of used memory. */
const MOST_SHARE = 0.1;
/**
 * MEMORY USAGE counts neither the entry in the table of TTLs (24 bytes) nor what the allocator rounds up. Measured on Redis
 * 7.0: 24 to 32 bytes a key, without the tables' buckets, which eviction does not free at once.
 */
export const UNCOUNTED_BYTES = 32;
/**
 * How far a key's true size may differ from the assumed one, in the same direction for all keys: the 24 to 32 bytes above. More
 * samples do not make this error smaller.
 */
export const KEY_ERROR_BYTES = 8;
/** 95% of a normal distribution lie within this many standard deviations. */
const Z = 1.96;

export class SampleWindow {
  private readonly at = new Float64Array(CAPACITY);
  private readonly bytes = new Float64Array(CAPACITY);
  private readonly expiring = new Uint8Array(CAPACITY);
  private next = 0;
  private used = 0;

  /** A random key held `bytes` at `now`. @returns false: the figures are invalid, and there is no sample. */
  add(bytes: unknown, ttlMs: unknown, now: number): boolean {
    if (!isCount(bytes) || bytes === 0 || !Number.isSafeInteger(ttlMs) || (ttlMs as number) < -1)
      return false;
    this.at[this.next] = now;
    this.bytes[this.next] = bytes + UNCOUNTED_BYTES;
    this.expiring[this.next] = (ttlMs as number) >= 0 ? 1 : 0;
    this.next = (this.next + 1) % CAPACITY;
    this.used = Math.min(CAPACITY, this.used + 1);
    return true;
  }

  /** Forgets everything: the keys are others now. */
  clear(): void {
    this.used = 0;
  }

  /** The memory of `keys` keys of a kind on a server with `usedBytes` in use; undefined: too few samples. */
  estimate(kind: Kind, keys: number, usedBytes: number, now: number): SizeEstimate | undefined {
    if (keys === 0) return { bytes: 0, errorBytes: 0, samples: 0 };
    const samples = this.countOf(kind, now);
    if (samples < LEAST) return undefined;
    const weight = keys / samples;
    let sum = 0;
    let squares = 0;
    let seen = 0;
    for (let age = 0; seen < samples; age++) {
      const i = this.indexOf(age);
      if (!this.is(kind, i)) continue;
      seen++;
      const stands = Math.min(
        weight * this.bytes[i],
        Math.max(Math.min(weight, 1) * this.bytes[i], MOST_SHARE * usedBytes),
      );
      sum += stands;
      squares += stands * stands;
    }
    const variance = Math.max(0, squares / samples - (sum / samples) ** 2);
    return {
      bytes: Math.min(sum, usedBytes),
      errorBytes: Math.min(Math.hypot(Z * Math.sqrt(samples * variance), KEY_ERROR_BYTES * keys), usedBytes),
      samples,
    };
  }

  /** How many of the newest samples of a kind count at `now`. */
  private countOf(kind: Kind, now: number): number {
    let count = 0;
    for (let age = 0; age < this.used; age++) {
      const i = this.indexOf(age);
      const old = now - this.at[i];
      if (old > LONGEST_MS || (old > WINDOW_MS && count >= ENOUGH)) break;
      if (this.is(kind, i)) count++;
    }
    return count;
  }

  /** The place of the sample that has `age` newer ones after it. */
  private indexOf(age: number): number {
    return (this.next - 1 - age + CAPACITY) % CAPACITY;
  }

  private is(kind: Kind, index: number): boolean {
    return kind === 'all' || this.expiring[index] === 1;
  }
}

/** Whether a server's figure is a number of bytes or keys. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
