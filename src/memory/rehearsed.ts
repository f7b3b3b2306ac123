// The rehearsed pressure: for a while Pressure acts as if memory were this full.
import type { Rehearsal } from './pressure-state.js';

export class Rehearsed {
  private pressure = 0;
  private until = Number.NEGATIVE_INFINITY;

  /** 0 ends the present one. */
  start(pressure: number, durationMs: number, now: number): void {
    this.pressure = pressure;
    this.until = now + durationMs;
  }

  /** Share of the limit; 0: none. */
  pressureAt(now: number): number {
    return now < this.until ? this.pressure : 0;
  }

  /** undefined: no rehearsal. */
  at(now: number): Rehearsal | undefined {
    const leftMs = this.until - now;
    return this.pressure > 0 && leftMs > 0 ? { pressure: this.pressure, leftMs } : undefined;
  }
}
