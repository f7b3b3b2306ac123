// How many of a rule's oldest keys were read since they were written, as far as the server was asked. If hardly any was,
// Spillway asks only about a sample, and age decides for the others. Each question costs the server half of what the UNLINK
// does.
// Pure. Invariants: one key in SAMPLE is always asked about, so that a change is noticed; one key that was read is enough to
// ask about all again.

const SAMPLE = 8;
const WEIGHT = 1 / 256;
/** Below this share one key in SAMPLE is asked about: some 500 questions after the last key that was read. */
const FEW = 1 / 2048;

export class ReadShare {
  /** By slot; for an unknown rule Spillway asks. */
  private shares = new Float64Array(0);
  private turn = 0;

  /** Whether to ask about the next key of the rule. */
  asks(slot: number): boolean {
    if (slot >= this.shares.length || this.shares[slot] >= FEW) return true;
    this.turn = (this.turn + 1) % SAMPLE;
    return this.turn === 0;
  }

  /** A key of the rule was asked about. */
  learn(slot: number, wasRead: boolean): void {
    if (slot >= this.shares.length) {
      const { shares } = this;
      this.shares = new Float64Array(slot + 1).fill(1);
      this.shares.set(shares);
    }
    this.shares[slot] += ((wasRead ? 1 : 0) - this.shares[slot]) * WEIGHT;
  }
}
