// How fast memory would grow if nothing was refused, and how much of that growth passes at a pressure: by priority, from what
// the writes of each add to memory (memory/growth-rates) and the share of them that is refused meanwhile.
// The demand of a priority is learnt while little of it is refused, and kept while much is.
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: demand is never negative; the passing share is 0 … 1, and never grows with the pressure.

/** For one priority. */
export interface ClassGrowth {
  /** What its admitted writes add to memory. */
  readonly bytesPerSecond: number;
  /** Share of its growing writes that is refused now. */
  readonly refusedShare: number;
  /** The pressures at which it is refused, as shares of the limit; null: never. */
  readonly band: readonly [start: number, full: number] | null;
  /** Share of its growth that comes from rules that enforce. */
  readonly enforced: number;
}

export interface GrowthByClass {
  readonly classes: readonly ClassGrowth[];
  /** What writes from elsewhere add to memory; they are never refused. */
  readonly othersBytesPerSecond: number;
}

/** The demand of a priority is learnt anew in about this time. */
const LEARNT_MS = 60_000;

export class Demand {
  /** Bytes that were refused so far, by the learnt demand. */
  refusedBytes = 0;
  private wanted: number[] = [];
  private others = 0;
  private classes: readonly ClassGrowth[] = [];
  private at = Number.NEGATIVE_INFINITY;
  private seenMs = 0;

  take({ classes, othersBytesPerSecond }: GrowthByClass, at: number): void {
    const elapsed = Number.isFinite(this.at) ? at - this.at : 0;
    this.at = at;
    this.seenMs = Math.min(LEARNT_MS, this.seenMs + elapsed);
    const weight = this.seenMs > 0 ? Math.min(1, elapsed / this.seenMs) : 1;
    this.classes = classes;
    this.others += (Math.max(0, othersBytesPerSecond) - this.others) * weight;
    this.wanted = classes.map(({ bytesPerSecond, refusedShare, enforced }, i) => {
      const before = this.wanted[i];
      const passes = 1 - refusedShare * enforced;
      const admitted = Math.max(0, bytesPerSecond);
      if (before === undefined) return passes > 0 ? admitted / passes : 0;
      this.refusedBytes += (before * (1 - passes) * elapsed) / 1000;
      // Rates lag by some seconds: the more is refused, the less they say about the demand.
      return passes > 0 ? before + (admitted / passes - before) * weight * passes ** 2 : before;
    });
  }

  /** Share of the demand that passes when this share of the limit is committed; 1: nothing is known. */
  passing(pressure: number): number {
    let [wanted, passes] = [this.others, this.others];
    for (const [i, { band, enforced }] of this.classes.entries()) {
      wanted += this.wanted[i];
      passes += this.wanted[i] * (1 - enforced * refusedAt(band, pressure));
    }
    return wanted > 0 ? passes / wanted : 1;
  }
}

function refusedAt(band: ClassGrowth['band'], pressure: number): number {
  if (band === null) return 0;
  const [start, full] = band;
  if (pressure >= full) return 1;
  return pressure <= start ? 0 : (pressure - start) / (full - start);
}
