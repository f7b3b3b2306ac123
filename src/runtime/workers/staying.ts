// The share of the bytes written to a rule's keys that stays in memory: the rest replaces old values, or expires soon. It
// is measured over intervals with enough writes; until the next one the last value applies.

/** An interval with fewer written bytes means nothing. */
const ENOUGH_BYTES = 64 * 1024;
/** If in doubt, at least this share is assumed to stay, so that a change from rewriting to growing is not noticed too late. */
const LEAST = 0.1;
const WEIGHT = 0.5;

export class Staying {
  share = 1;
  private written = 0;
  private heldBefore = Number.NaN;

  /** This many bytes were written since the last call, and this many are held now. */
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
