// Counts the memory of spared small, short-lived writes that have not expired yet: locks, rate limits, one-time codes. Such
// writes pass while this memory is at most MOST_SHARE of the limit. With a steady flow it is their bytes a second times their
// TTL.
//
//   ends: a ring of ticks ─▶ bytes that end in this tick          standing = sum of the ring + untimed
//   untimed: counters that got no TTL yet. The EXPIRE that follows moves one into the ring. If none follows, the counter
//   stays counted for a long while, so that permanent counters cannot fill the server this way.
//
// Numbers only, written on the hot path; the caller with the clock calls pass().
// Invariants: `standing` is the sum of the ring and `untimed`, never below 0; the bytes of a write that lives longer than the
// ring count as often as its TTL contains the ring's length.

/** Bytes on the wire of the largest brief write, and the longest name of a counter. */
export const BRIEF_BYTES = 1024;
export const COUNTER_KEY_BYTES = 64;
/** The longest TTL of a brief write. */
export const BRIEF_MS = 60_000;
/** The most memory that may stand, as a share of the limit. */
export const MOST_SHARE = 0.01;
/** An entry in the table of expiries, with its share of the table (measured: 40 bytes on Redis 7.0). */
export const EXPIRY_BYTES = 40;

const TICK_MS = 125;
const TICKS = 512;
const MASK = TICKS - 1;
const LAST_TICK = Math.ceil(BRIEF_MS / TICK_MS);
/** In this time half of the counters without a TTL are forgotten. */
const UNTIMED_HALF_LIFE_MS = 10 * 60_000;
/** A counter with its name and its TTL, known only from its EXPIRE. */
const COUNTER_BYTES = 160;

/** What one process has spared; the other processes in front of the same server need to know it. */
export interface BriefTold {
  /** Bytes that were ever spared. */
  readonly spared: number;
  readonly standing: number;
}

export class BriefWrites {
  /** The most bytes that may stand in all processes together; 0: nothing is spared. */
  most = 0;
  /** The standing bytes of the writes that this process let pass. */
  standing = 0;
  /** Bytes that ever passed here. */
  spared = 0;
  /** Standing bytes of the other processes, as last reported. */
  private elsewhere = 0;
  /** `spared` of this process as the others knew it then. */
  private heard = 0;
  /** Processes that spare, this one included. */
  processes = 1;
  private readonly ends = new Float64Array(TICKS);
  private untimed = 0;
  private tick = 0;
  private passedAt = Number.NaN;

  /**
   * Standing bytes in all processes. What this process has spared since the last report counts once for each process, because
   * the others probably spare as much.
   */
  get total(): number {
    return this.standing + this.elsewhere + (this.spared - this.heard) * (this.processes - 1);
  }

  /** Whether there is room for a write that adds this many bytes. */
  hasRoom(bytes: number): boolean {
    return this.total + bytes <= this.most;
  }

  /**
   * A write that adds `bytes` was spared. `lifetimeMs`: of its key, 0: it has no TTL yet. `leftMs`: the remaining lifetime of
   * its key before, if the key is known to live; then only its end moves.
   */
  add(bytes: number, lifetimeMs: number, leftMs: number): void {
    this.spared += bytes;
    if (leftMs > 0) this.takeBack(bytes, leftMs);
    if (lifetimeMs === 0) this.untimed += bytes;
    else this.ends[this.place(lifetimeMs)] += weighed(bytes, lifetimeMs);
    this.standing += lifetimeMs === 0 ? bytes : weighed(bytes, lifetimeMs);
  }

  /** Whether there are counters that have no TTL yet. */
  get waits(): boolean {
    return this.untimed > 0;
  }

  /** A key that may be one of those counters gets a TTL of `lifetimeMs`. */
  expires(lifetimeMs: number): void {
    const bytes = Math.min(this.untimed, COUNTER_BYTES);
    if (bytes === 0) return;
    this.untimed -= bytes;
    this.ends[this.place(lifetimeMs)] += weighed(bytes, lifetimeMs);
    this.standing += weighed(bytes, lifetimeMs) - bytes;
  }

  /** Must be called often. `now`: monotonic milliseconds. */
  pass(now: number): void {
    const tick = Math.floor(now / TICK_MS);
    const elapsed = now - this.passedAt;
    this.passedAt = now;
    if (elapsed > 0 && this.standing > 0) this.end(tick, elapsed);
    this.tick = tick;
  }

  /** What the other processes need to know about this one. */
  tell(): BriefTold {
    return { spared: this.spared, standing: this.standing };
  }

  /** The standing bytes of the others, and `spared` of this process as they know it. */
  hear(elsewhere: number, spared: number): void {
    this.elsewhere = elsewhere;
    this.heard = spared;
  }

  /** A copy, to try a write that is not sent. */
  copyTo(copy: BriefWrites): void {
    copy.most = this.most;
    copy.standing = this.standing;
    copy.elsewhere = this.total - this.standing;
  }

  private end(tick: number, elapsed: number): void {
    const { ends } = this;
    const last = Math.min(tick, this.tick + TICKS);
    for (let at = this.tick; at < last; at++) ends[at & MASK] = 0;
    this.untimed *= 0.5 ** (elapsed / UNTIMED_HALF_LIFE_MS);
    if (this.untimed < 1) this.untimed = 0;
    this.standing = ends.reduce((sum, bytes) => sum + bytes, this.untimed);
  }

  /** The bytes of what ends about then. */
  private takeBack(bytes: number, leftMs: number): void {
    const { ends } = this;
    const end = this.place(leftMs);
    let left = bytes;
    for (const at of [end, (end - 1) & MASK, (end + 1) & MASK]) {
      const taken = Math.min(left, ends[at]);
      ends[at] -= taken;
      left -= taken;
    }
    this.standing -= bytes - left;
  }

  private place(lifetimeMs: number): number {
    return (this.tick + Math.min(LAST_TICK, Math.ceil(lifetimeMs / TICK_MS))) & MASK;
  }
}

function weighed(bytes: number, lifetimeMs: number): number {
  return bytes * Math.max(1, lifetimeMs / BRIEF_MS);
}
