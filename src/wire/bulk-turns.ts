// Lets clients that send much wait for those that send little: what comes in full reads is worked off one read after
// the other, at most for a few milliseconds in a turn of the event loop. Without it a turn lasts as long as all that
// all of them have sent: the loop reads up to 2 MiB of one socket before it looks at the next.
// Owns the queue; it is as long as there are clients, since each waits with one read and is not read meanwhile.

/** For so long big reads are worked off before others have their turn. */
const TURN_MS = 5;

export class BulkTurns {
  private readonly queue: (() => void)[] = [];
  private scheduled = false;

  /** Calls `work` when it is its turn, behind all that wait already. */
  enqueue(work: () => void): void {
    this.queue.push(work);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.turn();
    });
  }

  private turn(): void {
    const until = performance.now() + TURN_MS;
    do this.queue.shift()?.();
    while (this.queue.length > 0 && performance.now() < until);
    if (this.queue.length > 0) this.schedule();
  }
}
