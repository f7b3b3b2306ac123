// Fairness between clients that send much and clients that send little. Full reads are processed for a few milliseconds in
// each turn of the event loop. A client whose read filled the buffer is read again in a later turn, after those that queued
// before it. Without this, a turn lasts as long as the data of all such clients together.
// Owns the queue. A client queues once and is not read meanwhile, so the queue is no longer than there are clients.

/** Time for full reads in one turn. */
const TURN_MS = 5;
/** Clients that are read again in one turn, at most. */
const READERS = 8;

export class BulkTurns {
  private readonly queue: (() => void)[] = [];
  private scheduled = false;
  private spentMs = 0;

  /** Whether one more full read may be processed in this turn. */
  get hasTime(): boolean {
    return this.spentMs < TURN_MS;
  }

  /** Processes a full read now, and counts its time for this turn. */
  spend(work: () => void): void {
    const start = performance.now();
    work();
    this.spentMs += performance.now() - start;
    this.schedule();
  }

  /** Calls `then` when its turn comes, after all that already wait. */
  enqueue(then: () => void): void {
    this.queue.push(then);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.spentMs = 0;
      for (let i = 0; i < READERS && this.hasTime; i++) this.queue.shift()?.();
      if (this.queue.length > 0) this.schedule();
    });
  }
}
