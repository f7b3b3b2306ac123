// Whether a client's commands are read, held (a stall), or passed unread for good (a pipe).

export class Intake {
  /** The connection is a pipe: bytes pass unread. */
  raw = false;
  /** The next command is held until a reply has come, or a pause is over. */
  stalled = false;
  /** New commands wait. A pipe's bytes cannot be told apart, so all of them wait. */
  paused = false;

  /** Holds the next command until RequestFeed.resume(). */
  stall(): void {
    this.stalled = true;
  }

  /** From now on bytes pass unread. */
  goRaw(): void {
    this.raw = true;
    if (this.paused) this.stalled = true;
  }
}
