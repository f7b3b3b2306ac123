// How fast memory grows, and by whose writes, learnt from readings over intervals that are long enough. Bytes a millisecond.
import { GrowthOrigin } from './growth-origin.js';

/** Rates are learnt over intervals of at least this length, the newest weighing this much. */
const INTERVAL_MS = 200;
const WEIGHT = 0.3;
/** In so long the fastest growth that was measured counts half. */
const HALF_LIFE_MS = 10_000;
/** What comes and goes in buffers and tables is no growth by others. */
const NOISE_BYTES = 64 * 1024;

const PRIORITIES = 4;

export class GrowthRates {
  /** By what comes from elsewhere: other proxies, direct writers. */
  others = 0;
  /** The fastest that memory grew by, of late. */
  measured = 0;
  /** Over a time that is given with each interval: by priority what its writes added to memory, and what others did. */
  readonly byPriority = new Float64Array(PRIORITIES);
  steadyOthers = 0;
  /** Over the same time: bytes that were let through, and the part of them that memory grew by. */
  admitted = 0;
  part = 1;
  private readonly origin = new GrowthOrigin();
  /** Means over that time, and how much of it has been seen. */
  private readonly admittedRate = new Float64Array(PRIORITIES);
  private unexplained = 0;
  private seen = 0;
  /** The reading, and the growth let through, when the rates were last learnt. */
  private since = { at: Number.NEGATIVE_INFINITY, counted: 0, admitted: 0 };
  private readonly sinceBy = new Float64Array(PRIORITIES);
  private readonly admittedBy = new Float64Array(PRIORITIES);

  /**
   * A reading of `counted` bytes; so much growth was let through until then, in all and of each priority. The means go over
   * some `overMs`. Returns the milliseconds since rates were learnt before; 0: they were not learnt now.
   */
  learn(
    counted: number,
    admitted: number,
    byPriority: ArrayLike<number>,
    now: number,
    overMs: number,
  ): number {
    const { since } = this;
    const elapsed = now - since.at;
    if (elapsed < INTERVAL_MS) return 0;
    for (let i = 0; i < PRIORITIES; i++) {
      this.admittedBy[i] = byPriority[i] - this.sinceBy[i];
      this.sinceBy[i] = byPriority[i];
    }
    this.since = { at: now, counted, admitted };
    if (!Number.isFinite(elapsed)) return 0;
    const grown = counted - since.counted;
    const others = Math.max(0, grown - (admitted - since.admitted)) / elapsed;
    this.others += (others - this.others) * WEIGHT;
    const faded = this.measured * 0.5 ** (elapsed / HALF_LIFE_MS);
    this.measured = Math.max(grown / elapsed, faded);
    this.learnOrigin(grown, elapsed, overMs);
    return elapsed;
  }

  /** The next reading is another server's: its memory says nothing of growth, nor of what others write. */
  startOver(): void {
    this.others = 0;
    this.measured = 0;
    this.since = { at: Number.NEGATIVE_INFINITY, counted: 0, admitted: 0 };
  }

  private learnOrigin(grown: number, elapsed: number, overMs: number): void {
    const { origin, admittedBy, admittedRate } = this;
    origin.learn(grown, admittedBy, elapsed);
    this.seen = Math.min(overMs, this.seen + elapsed);
    const weight = Math.min(1, elapsed / this.seen);
    let explained = 0;
    let [admittedSum, kept] = [0, 0];
    for (let i = 0; i < PRIORITIES; i++) {
      explained += origin.parts[i] * admittedBy[i];
      admittedRate[i] += (admittedBy[i] / elapsed - admittedRate[i]) * weight;
      this.byPriority[i] = origin.parts[i] * admittedRate[i];
      admittedSum += admittedRate[i];
      kept += this.byPriority[i];
    }
    this.admitted = admittedSum;
    this.part = admittedSum > 0 ? kept / admittedSum : 1;
    // Memory that is freed says nothing of what others write meanwhile.
    const least = -NOISE_BYTES - Math.max(0, this.unexplained) * elapsed;
    const unexplained = Math.max(least, grown - explained) / elapsed;
    this.unexplained += (unexplained - this.unexplained) * weight;
    this.steadyOthers = Math.max(0, this.unexplained - NOISE_BYTES / this.seen);
  }
}
