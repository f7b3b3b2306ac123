// The end of a turn of the event loop. Spillway first processes what all sockets brought in the turn, then sends the
// results, one write after the other. Sent at once, each write would wake a peer that had just gone to sleep, and the same
// system call would cost twice as much (measured with 50 clients that wait for each reply).
// Owns the list of links and connections that have something to send. Each is in it once.

export interface TurnEnder {
  /** Sends whatever is to be sent. May be called when nothing is. */
  endTurn(): void;
}

export class Turn {
  private readonly waiting: TurnEnder[] = [];

  /** Calls `ender` when everything that this turn of the event loop brings has been processed. */
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
