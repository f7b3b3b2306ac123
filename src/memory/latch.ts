// The pressure that readings have shown. It rises with a reading at once, and falls once readings are `hysteresis` below it.
// Redis's own OOM raises it to 1 until a reading contradicts that. After a contradiction the next OOM counts only when memory is
// fuller than at that reading.
import type { Cause } from './levels.js';

export class Latch {
  /** Share of the limit. */
  pressure = 0;
  by: Cause = 'reading';
  /** The pressure at which an OOM that had raised it turned out to say nothing about memory. */
  contradictedAt = Number.NEGATIVE_INFINITY;

  /** A reading says `ratio`; refusing begins at `begins`. */
  take(ratio: number, begins: number, hysteresis: number): void {
    const byOom = this.by === 'upstream OOM' && ratio < this.pressure;
    if (ratio >= begins) this.contradictedAt = Number.NEGATIVE_INFINITY;
    else if (byOom) this.contradictedAt = ratio;
    if (ratio > this.pressure || (byOom && ratio < begins)) this.pressure = ratio;
    else if (ratio < this.pressure - hysteresis) this.pressure = ratio + hysteresis;
    this.by = 'reading';
  }

  /** Redis has answered OOM at a pressure of `ratio`, as last read. Returns whether that counts. */
  takeOom(ratio: number, hysteresis: number): boolean {
    if (this.pressure >= 1 || ratio <= this.contradictedAt + hysteresis) return false;
    this.pressure = 1;
    this.by = 'upstream OOM';
    return true;
  }
}
