// How much of a wait is this process's own: while it computes, or others have the processor, answers lie unread. A walk
// runs at the lowest priority, so on a busy machine that may be most of it.

const TICK_MS = 1;

export class OwnLag {
  private ticked = performance.now();
  /** Milliseconds since the beginning in which no answer could be read. */
  ms = 0;
  private readonly timer = setInterval(() => this.tick(), TICK_MS).unref();

  stop(): void {
    clearInterval(this.timer);
    this.tick();
  }

  private tick(): void {
    const now = performance.now();
    // Timers come late by up to a millisecond anyway.
    this.ms += Math.max(0, now - this.ticked - 2 * TICK_MS);
    this.ticked = now;
  }
}
