// How long to wait before something that failed is tried again: twice as long each time, up to a longest time.
// Holds no timer and no clock. Invariant: after reset() the next wait is the first one.

export class BackOff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {}

  /** It has failed since it last worked. */
  get failing(): boolean {
    return this.failures > 0;
  }

  /** It has failed once more: how long to wait. */
  next(): number {
    return Math.min(this.longestMs, this.firstMs * 2 ** this.failures++);
  }

  /** It works. */
  reset(): void {
    this.failures = 0;
  }
}

/** Between half and all of it, so that many who were sent away together do not come back at once. */
export function spread(delayMs: number, random: () => number): number {
  return delayMs * (0.5 + random() / 2);
}
