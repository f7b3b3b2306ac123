// Whether a client's commands are looked at, held until replies have come, or passed unread for good.

export class Intake {
  /** Nothing is looked at any more: bytes pass as they come. */
  raw = false;
  /** The next command is held. */
  stalled = false;

  /** Stops before the next command, until RequestFeed.resume(). */
  stall(): void {
    this.stalled = true;
  }
}
