// Measures how much of a wait comes from this process: while it computes, or other processes use the processor, replies stay
// unread. A walk runs at the lowest priority, so on a busy machine that may be most of the wait.

const TICK_MS = 1;

export class OwnLag {
  private ticked = performance.now();
  /** Milliseconds since the start in which this process could not read replies. */
  ms = 0;
  private readonly timer = setInterval(() => this.tick(), TICK_MS).unref();

  stop(): void {
    clearInterval(this.timer);
    this.tick();
  }

  private tick(): void {
    const now = performance.now();
    // Timers are up to a millisecond late in any case.
    this.ms += Math.max(0, now - this.ticked - 2 * TICK_MS);
    this.ticked = now;
  }
}
