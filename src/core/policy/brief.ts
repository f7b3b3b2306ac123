// Counts the memory of spared small, short-lived writes that have not expired yet: locks, rate limits, one-time codes.
// Such writes pass while this memory is at most MOST_SHARE of the limit. With a steady flow it is their bytes a second
// times their TTL.
//
//   ends: a ring of ticks ─▶ bytes that end in this tick          standing = sum of the ring + untimed
//   untimed: counters that got no TTL yet. The EXPIRE that follows moves one into the ring. If none follows, the counter
//   stays counted for a long while, so that permanent counters cannot fill the server this way.
//
// Numbers only, written on the hot path; the caller with the clock calls pass().
// Invariants: `standing` is what the ring and `untimed` add up to, never below 0; a write that lives longer than the ring
// counts as so many times its bytes as its TTL is longer.

/** Bytes on the wire of the largest write that is brief, and of the name of a counter. */
export const BRIEF_BYTES = 1024;
export const COUNTER_KEY_BYTES = 64;
/** The longest TTL of a brief write. */
export const BRIEF_MS = 60_000;
/** Share of the limit that may stand. */
export const MOST_SHARE = 0.01;
/** An entry in the table of expiries, with its share of the table (measured: 40 bytes on Redis 7.0). */
export const EXPIRY_BYTES = 40;

const TICK_MS = 125;
const TICKS = 512;
const MASK = TICKS - 1;
const LAST_TICK = Math.ceil(BRIEF_MS / TICK_MS);
/** In so long half of the counters that got no TTL are forgotten. */
const UNTIMED_HALF_LIFE_MS = 10 * 60_000;
/** A counter with its name and its TTL, of which only the EXPIRE is known. */
const COUNTER_BYTES = 160;

/** What one process has spared, for the others in front of the same server. */
export interface BriefTold {
  /** All that was ever spared, bytes. */
  readonly spared: number;
  readonly standing: number;
}

export class BriefWrites {
  /** Bytes that may stand in all processes together; 0: nothing is spared. */
  most = 0;
  /** What stands of the writes that passed here. */
  standing = 0;
  /** All that ever passed here. */
  spared = 0;
  /** What stands at the other processes, as last heard. */
  private elsewhere = 0;
  /** `spared` as the others knew it then. */
  private heard = 0;
  /** Processes that spare, this one included. */
  processes = 1;
  private readonly ends = new Float64Array(TICKS);
  private untimed = 0;
  private tick = 0;
  private passedAt = Number.NaN;

  /** What stands everywhere. What was spared since the others were heard from counts once for each: they likely do the same. */
  get total(): number {
    return this.standing + this.elsewhere + (this.spared - this.heard) * (this.processes - 1);
  }

  /** There is room for a write that adds so many bytes. */
  hasRoom(bytes: number): boolean {
    return this.total + bytes <= this.most;
  }

  /**
   * A write that adds `bytes` was spared. `lifetimeMs`: of its key, 0: it has no TTL yet. `leftMs`: what its key had left before,
   * if it is known to live; then only its end moves.
   */
  add(bytes: number, lifetimeMs: number, leftMs: number): void {
    this.spared += bytes;
    if (leftMs > 0) this.takeBack(bytes, leftMs);
    if (lifetimeMs === 0) this.untimed += bytes;
    else this.ends[this.place(lifetimeMs)] += weighed(bytes, lifetimeMs);
    this.standing += lifetimeMs === 0 ? bytes : weighed(bytes, lifetimeMs);
  }

  /** There are counters that got no TTL yet. */
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

  /** To be called often. `now`: monotonic milliseconds. */
  pass(now: number): void {
    const tick = Math.floor(now / TICK_MS);
    const elapsed = now - this.passedAt;
    this.passedAt = now;
    if (elapsed > 0 && this.standing > 0) this.end(tick, elapsed);
    this.tick = tick;
  }

  /** What the others need to know of this process. */
  tell(): BriefTold {
    return { spared: this.spared, standing: this.standing };
  }

  /** What stands at the others, and `spared` of this process as they know it. */
  hear(elsewhere: number, spared: number): void {
    this.elsewhere = elsewhere;
    this.heard = spared;
  }

  /** As it stands, to try a write that is none. */
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

  /** Of what ends about then. */
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
