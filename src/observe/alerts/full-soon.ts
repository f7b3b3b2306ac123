// Decides whether memory will be full soon, from forecasts over a while, for the proxy's alerts and for `spillway watch`. Owns
// the state that makes it settle. Pure; the clock comes with each call (monotonic milliseconds).
// Invariant: it says so while there is time left, however long the hold is.
import { Lasting } from './lasting.js';

/** It ends beyond this multiple of the threshold, because forecasts fluctuate. */
const BEYOND = 1.5;
/** The share of the remaining time that may pass before it says so. */
const MOST_WAITED = 0.5;

export interface FullSoonOptions {
  /** 0: never. */
  readonly timeToFullMs: number;
  /** How long the forecast must have been so, or no longer so. If less time is left: half of that time. */
  readonly holdMs: number;
}

export class FullSoon {
  private readonly settled = new Lasting(1);
  private near = false;

  /** `msToFull`: Infinity if memory does not fill up, or may be full. */
  see(msToFull: number, { timeToFullMs, holdMs }: FullSoonOptions, now: number): boolean {
    this.near = timeToFullMs > 0 && msToFull <= timeToFullMs * (this.near ? BEYOND : 1);
    // Memory that is full already does not settle here: it fluctuates around the limit, and other alerts report it at once.
    const rise = msToFull > 0 ? Math.min(holdMs, msToFull * MOST_WAITED) : holdMs;
    return this.settled.see(this.near ? 1 : 0, now, rise, holdMs) === 1;
  }
}
