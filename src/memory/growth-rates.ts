// How fast memory grows, and by whose writes, learnt from readings over sufficiently long intervals. Bytes a millisecond.
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { GrowthOrigin } from './growth-origin.js';

/** Rates are learnt over intervals of at least this length; the newest one has this weight. */
const INTERVAL_MS = 200;
const WEIGHT = 0.3;
/** After this time the fastest measured growth counts half. */
const HALF_LIFE_MS = 10_000;
/** Changes of buffers and tables below this are not growth by others. */
const NOISE_BYTES = 64 * 1024;

const PRIORITIES = PRIORITY_NAMES.length;

export class GrowthRates {
  /** Growth from elsewhere: other proxies, clients that bypass Spillway. */
  others = 0;
  /** The fastest recent growth of memory. */
  measured = 0;
  /** Over a time that each interval names: by priority what its writes added to memory, and what others did. */
  readonly byPriority = new Float64Array(PRIORITIES);
  steadyOthers = 0;
  /** Over the same time: admitted bytes, and how many of them made memory grow. */
  admitted = 0;
  part = 1;
  private readonly origin = new GrowthOrigin();
  /** Means over that time, and how much of it is covered. */
  private readonly admittedRate = new Float64Array(PRIORITIES);
  private unexplained = 0;
  private seen = 0;
  /** The reading, and the admitted growth, when the rates were last learnt. */
  private since = { at: Number.NEGATIVE_INFINITY, counted: 0, admitted: 0 };
  private readonly sinceBy = new Float64Array(PRIORITIES);
  private readonly admittedBy = new Float64Array(PRIORITIES);

  /**
   * A reading of `counted` bytes, and the growth admitted until then, in all and by priority. The means cover some `overMs`.
   * Returns the milliseconds since rates were last learnt; 0: no rates were learnt now.
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

  /** The next reading comes from another server: its memory says nothing about growth, nor about what others write. */
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
    // Freed memory says nothing about what others write meanwhile.
    const least = -NOISE_BYTES - Math.max(0, this.unexplained) * elapsed;
    const unexplained = Math.max(least, grown - explained) / elapsed;
    this.unexplained += (unexplained - this.unexplained) * weight;
    this.steadyOthers = Math.max(0, this.unexplained - NOISE_BYTES / this.seen);
  }
}
