// How many thresholds memory has reached, such that it is not told each time it crosses one to and fro. Pure.
// Invariant: a threshold that was reached counts until memory is MARGIN below it.

/** Share of the limit. */
const MARGIN = 0.02;

export class Thresholds {
  private reached = 0;

  /** `shares`: rising, each above 0. */
  constructor(private readonly shares: readonly number[]) {}

  see(pressure: number): number {
    const { shares } = this;
    while (this.reached < shares.length && pressure >= shares[this.reached]) this.reached++;
    while (this.reached > 0 && pressure < shares[this.reached - 1] - MARGIN) this.reached--;
    return this.reached;
  }
}
