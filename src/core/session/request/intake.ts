// Whether a client's commands are read, held (a stall), or passed unread for good (a pipe).

export class Intake {
  /** The connection is a pipe: bytes pass unread. */
  raw = false;
  /** The next command is held until a reply has come. */
  stalled = false;

  /** Holds the next command until RequestFeed.resume(). */
  stall(): void {
    this.stalled = true;
  }
}
