// Picks some of the most written keys of each rule: the key that receives each EVERY-th byte written to the rule. So a key is
// picked more often the more is written to it. Called with each write, so it only counts down.
// Bounded: PER_SLOT keys of a rule between two calls of take(), MOST in all, of at most LONGEST bytes.

export interface WrittenPick {
  readonly slot: number;
  readonly key: Uint8Array;
}

const EVERY = 64 * 1024;
const PER_SLOT = 4;
const MOST = 256;
const LONGEST = 1024;
/** When a rule has its picks, this many bytes pass before it is checked again. */
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

  /** This many bytes were written to the key in key[start, end). */
  wrote(slot: number, bytes: number, key: Uint8Array, start: number, end: number): void {
    this.left[slot] -= bytes;
    if (this.left[slot] < 0) this.pick(slot, key, start, end);
  }

  /** The picks since the last call. */
  take(): readonly WrittenPick[] {
    const { picked } = this;
    for (const { slot } of picked) this.left[slot] = Math.min(this.left[slot], EVERY);
    this.picked = [];
    return picked;
  }

  /** The picks of another process. */
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
