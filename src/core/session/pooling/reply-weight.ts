// How large one client's replies are, and so whether and how it may share a connection (command pooling). A client whose replies
// are large is bulky: others on a shared connection would wait for them.
//
//   weigh() ── more than BULK_BYTES without a pause ─▶ bulky ── enough small replies ─▶ not bulky
//
// The size of the last replies also sets the client's `window` on a shared connection.
// Invariant: 0 <= weight <= BULK_BYTES.

/** A client is bulky when, without a pause, its replies exceed small ones by this sum. */
const BULK_BYTES = 256 * 1024;
/** A reply up to this size is small. After BULK_BYTES / SMALL_BYTES = 64 small replies a client is no longer bulky. */
const SMALL_BYTES = 4 * 1024;
/** Assumed size of a client's first reply, so its first command goes alone. */
const UNKNOWN_REPLY_BYTES = 256 * 1024;
const LEAST_REPLY_BYTES = 64;
/** The share of the largest recent size that remains after each smaller reply. */
const DECAY = 1 / 2;
/** After this many replies the largest one no longer counts. */
const DECAYED = 32;
/** The largest window: other clients wait behind these commands. */
const MOST_AT_ONCE = 1024;

export class ReplyWeight {
  /** Its last replies were large: others should not wait behind its next one. */
  bulky = false;
  private weight = 0;
  /** Size of the largest recent reply; `begun`: bytes of the current one that have come. */
  private replyBytes = UNKNOWN_REPLY_BYTES;
  private begun = 0;

  /** Whether its next reply will be at most `bytes` long, judging by its last ones. */
  fits(bytes: number): boolean {
    return this.replyBytes <= bytes;
  }

  /** How many commands it may have pending so that their replies take at most `bytes`, judging by its last ones. */
  window(bytes: number): number {
    return Math.min(Math.max(1, bytes / this.replyBytes), MOST_AT_ONCE);
  }

  /** `bytes` have come for the client, with the ends of `replies` replies. `idle`: no further reply is due. */
  weigh(bytes: number, replies: number, idle: boolean): void {
    this.measure(bytes, replies);
    const weight = this.weight + bytes - replies * SMALL_BYTES;
    if (weight > BULK_BYTES) {
      this.bulky = true;
      this.weight = BULK_BYTES;
    } else if (weight <= 0 || (idle && !this.bulky)) {
      this.bulky = false;
      this.weight = 0;
    } else this.weight = weight;
  }

  private measure(bytes: number, replies: number): void {
    this.begun += bytes;
    let left = this.replyBytes;
    const size = replies > 1 ? this.begun / replies : this.begun;
    if (replies > 0) {
      this.begun = 0;
      left *= replies === 1 ? DECAY : replies < DECAYED ? DECAY ** replies : 0;
    }
    this.replyBytes = Math.max(size, left, LEAST_REPLY_BYTES);
  }
}
