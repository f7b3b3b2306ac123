// Counts the thresholds that memory has reached, with hysteresis, so that fluctuations around one are not reported. Pure.
// Invariant: a threshold counts as reached until memory is MARGIN below it.

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
