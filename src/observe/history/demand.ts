// What memory would grow by if nothing was refused, and how much of that passes at a pressure: by priority, from what the writes
// of each add to memory (memory/growth-rates) and the share of them that is refused meanwhile.
// What a priority wants is learnt while little of it is refused, and held on to while much is.
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: nothing wanted is negative; what passes is a share, 0 … 1, and never grows with the pressure.

/** Of one priority. */
export interface ClassGrowth {
  /** What its admitted writes add to memory. */
  readonly bytesPerSecond: number;
  /** Share of its growing writes that is refused now. */
  readonly refusedShare: number;
  /** Where it is refused, as shares of the limit; null: never. */
  readonly band: readonly [start: number, full: number] | null;
  /** Share of its growth by rules that enforce. */
  readonly enforced: number;
}

export interface GrowthByClass {
  readonly classes: readonly ClassGrowth[];
  /** What does not come through Spillway adds to memory; it is never refused. */
  readonly othersBytesPerSecond: number;
}

/** In about so long what a priority wants is learnt anew. */
const LEARNT_MS = 60_000;

export class Demand {
  /** Bytes that were refused so far, by what was wanted. */
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
      // Rates follow some seconds behind: the more is refused, the less they say of what is wanted.
      return passes > 0 ? before + (admitted / passes - before) * weight * passes ** 2 : before;
    });
  }

  /** Share of what is wanted that passes when so much of the limit is committed; 1: nothing is known. */
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
