// Picks of each rule a few of the keys that are written most: the key with each EVERY-th byte that is written to the rule. So a key
// is picked the more often the more is written to it. Called with each write, so it counts down and does no more.
// Bounded: PER_SLOT keys of a rule between two calls of take(), MOST in all, of LONGEST bytes.

export interface WrittenPick {
  readonly slot: number;
  readonly key: Uint8Array;
}

const EVERY = 64 * 1024;
const PER_SLOT = 4;
const MOST = 256;
const LONGEST = 1024;
/** When a rule has its picks, it is not asked again for so many bytes. */
const REST = 16 * 1024 * 1024;

export class WrittenPicks {
  private left: Float64Array;
  private picked: WrittenPick[] = [];

  constructor(slots: number) {
    this.left = new Float64Array(slots).fill(EVERY);
  }

  extend(slots: number): void {
    const larger = new Float64Array(slots).fill(EVERY);
    larger.set(this.left);
    this.left = larger;
  }

  /** So many bytes were written to the key in key[start, end). */
  wrote(slot: number, bytes: number, key: Uint8Array, start: number, end: number): void {
    this.left[slot] -= bytes;
    if (this.left[slot] < 0) this.pick(slot, key, start, end);
  }

  /** What was picked since the last call. */
  take(): readonly WrittenPick[] {
    const { picked } = this;
    for (const { slot } of picked) this.left[slot] = Math.min(this.left[slot], EVERY);
    this.picked = [];
    return picked;
  }

  /** Those of another process. */
  add(picks: readonly WrittenPick[]): void {
    this.picked.push(...picks.slice(0, MOST - this.picked.length));
  }

  private pick(slot: number, key: Uint8Array, start: number, end: number): void {
    let of = 0;
    for (const pick of this.picked) if (pick.slot === slot) of++;
    this.left[slot] = of + 1 < PER_SLOT ? EVERY : REST;
    if (of >= PER_SLOT || this.picked.length >= MOST || end - start > LONGEST) return;
    this.picked.push({ slot, key: Uint8Array.prototype.slice.call(key, start, end) });
  }
}
