// Whether memory is full before long, as the forecast says for a while. Of the proxy's alerts and of `spillway watch`. Owns
// what makes it settle. Pure; the clock comes with each call (monotonic milliseconds).
// Invariant: it is told while there is time left, however long the hold is.
import { Lasting } from './lasting.js';

/** Over beyond so many times the threshold: forecasts waver. */
const BEYOND = 1.5;
/** Of the time that is left, what may pass before it is told. */
const MOST_WAITED = 0.5;

export interface FullSoonOptions {
  /** 0: never. */
  readonly timeToFullMs: number;
  /** How long it must have been so, and over, before that counts; where less time is left, half of that. */
  readonly holdMs: number;
}

export class FullSoon {
  private readonly settled = new Lasting(1);
  private near = false;

  /** `msToFull`: Infinity where memory does not fill, or may. */
  see(msToFull: number, { timeToFullMs, holdMs }: FullSoonOptions, now: number): boolean {
    this.near = timeToFullMs > 0 && msToFull <= timeToFullMs * (this.near ? BEYOND : 1);
    // That it is full already others tell at once; use wavers around the limit.
    const rise = msToFull > 0 ? Math.min(holdMs, msToFull * MOST_WAITED) : holdMs;
    return this.settled.see(this.near ? 1 : 0, now, rise, holdMs) === 1;
  }
}
