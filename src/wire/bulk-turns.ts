// Lets clients that send much wait for those that send little: one whose read filled the buffer is read on in a later turn of
// the event loop, after all that had such a read before it. Without it a turn lasts as long as all that all of them have
// sent: the loop reads up to 2 MiB of one socket before it looks at the next.
// Owns the queue; it is as long as there are clients, since each waits once and is not read meanwhile.

/** So many of them are read on in one turn. */
const READERS = 8;

export class BulkTurns {
  private readonly queue: (() => void)[] = [];
  private scheduled = false;

  /** Calls `readOn` when it is its turn, behind all that wait already. */
  enqueue(readOn: () => void): void {
    this.queue.push(readOn);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      for (const readOn of this.queue.splice(0, READERS)) readOn();
      if (this.queue.length > 0) this.schedule();
    });
  }
}
