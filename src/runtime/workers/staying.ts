// The share of the bytes written to a rule's keys that stays in memory: the rest replaces old values, or expires soon. It
// is measured over intervals with enough writes; until the next one the last value applies.

/** So much must be written for an interval to mean something. */
const ENOUGH_BYTES = 64 * 1024;
/** In doubt at least so much is taken to stay, lest a change from rewriting to growing be seen too late. */
const LEAST = 0.1;
const WEIGHT = 0.5;

export class Staying {
  share = 1;
  private written = 0;
  private heldBefore = Number.NaN;

  /** So many bytes were written since the last call, and so many are held by now. */
  see(written: number, held: number): void {
    if (Number.isNaN(this.heldBefore)) this.heldBefore = held;
    this.written += written;
    if (this.written < ENOUGH_BYTES) return;
    const grown = Math.min(1, Math.max(LEAST, (held - this.heldBefore) / this.written));
    this.share += (grown - this.share) * WEIGHT;
    this.written = 0;
    this.heldBefore = held;
  }
}
