// How late this process reads what has arrived: a process that gets no processor time, or is busy, reads a Sentinel's sign late and
// cannot see that by the sign. Owns a timer.

const BEAT_MS = 20;

export class LoopLag {
  private readonly timer: NodeJS.Timeout;
  private beatAt: number;
  /** How late the last beat was. */
  private beatLate = 0;

  /** @param clock monotonic milliseconds */
  constructor(private readonly clock: () => number) {
    this.beatAt = clock();
    this.timer = setInterval(() => this.beat(), BEAT_MS).unref();
  }

  /** What is read now may have arrived this many milliseconds ago; 0: in time. */
  get ms(): number {
    // Timers come before sockets in a turn of the loop: what is read after the last beat came while that was due, or since.
    return this.beatLate + Math.max(0, this.clock() - this.beatAt - BEAT_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    const now = this.clock();
    this.beatLate = Math.max(0, now - this.beatAt - BEAT_MS);
    this.beatAt = now;
  }
}
