// The wait before another attempt: it doubles each time, up to a maximum.
// Has no timer and no clock. Invariant: after reset() the next wait is the first one.

export class BackOff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {}

  /** The last attempt failed. */
  get failing(): boolean {
    return this.failures > 0;
  }

  /** An attempt failed: returns how long to wait. */
  next(): number {
    return Math.min(this.longestMs, this.firstMs * 2 ** this.failures++);
  }

  /** An attempt succeeded. */
  reset(): void {
    this.failures = 0;
  }
}

/** A random wait between half of it and all of it, so that those that failed together do not try again together. */
export function spread(delayMs: number, random: () => number): number {
  return delayMs * (0.5 + random() / 2);
}
