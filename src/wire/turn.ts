// The end of a turn of the event loop: what all sockets brought in it was looked at, and what that leads to is sent, one
// write after the other. Written as soon as it is known, each write would wake a peer that had just gone to sleep: the
// same system call then costs twice as much (measured with 50 clients that wait for each reply).
// Owns the list of those who have something to send; each is in it once, so it is as long as there are sockets.

export interface TurnEnder {
  /** Sends what is there to send. May be called with nothing there. */
  endTurn(): void;
}

export class Turn {
  private readonly waiting: TurnEnder[] = [];

  /** Calls `ender` when all that this turn of the event loop brings has been looked at. */
  add(ender: TurnEnder): void {
    if (this.waiting.length === 0) setImmediate(this.end);
    this.waiting.push(ender);
  }

  private readonly end = (): void => {
    const { waiting } = this;
    // What is added meanwhile belongs to this turn, too.
    for (let i = 0; i < waiting.length; i++) waiting[i].endTurn();
    waiting.length = 0;
  };
}
