// How fast memory grows, learnt from readings, over intervals long enough to mean something. Bytes a millisecond.

/** Rates are learnt over intervals of at least this length, the newest weighing this much. */
const INTERVAL_MS = 200;
const WEIGHT = 0.3;
/** In so long the fastest growth that was measured counts half. */
const HALF_LIFE_MS = 10_000;

export class GrowthRates {
  /** By what comes from elsewhere: other proxies, direct writers. */
  others = 0;
  /** The fastest that memory grew by, of late. */
  measured = 0;
  /** The reading, and the growth let through, when the rates were last learnt. */
  private since = { at: Number.NEGATIVE_INFINITY, counted: 0, admitted: 0 };

  /** A reading of `counted` bytes; so much growth was let through until then. */
  learn(counted: number, admitted: number, now: number): void {
    const { since } = this;
    const elapsed = now - since.at;
    if (elapsed < INTERVAL_MS) return;
    if (Number.isFinite(elapsed)) {
      const grown = Math.max(0, counted - since.counted);
      const others = Math.max(0, grown - (admitted - since.admitted)) / elapsed;
      this.others += (others - this.others) * WEIGHT;
      const faded = this.measured * 0.5 ** (elapsed / HALF_LIFE_MS);
      this.measured = Math.max(grown / elapsed, faded);
    }
    this.since = { at: now, counted, admitted };
  }
}
