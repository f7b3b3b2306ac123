// The rank at which a value has settled, so that a fluctuating value is not reported each time. Pure; the clock comes with
// each call. A rank is reached once the value has been at or above it for `riseMs`, and left once it has been below for
// `fallMs`.
// Invariant: a constant value settles within the longer of the two times; a fluctuating one keeps its old rank.

interface Step {
  /** When the value crossed this rank; NaN: it has not. */
  since: number;
  counts: boolean;
}

export class Lasting {
  /** One for each rank above 0. */
  private readonly steps: readonly Step[];

  /** Values are ranks from 0 to `highest`. It starts at 0. */
  constructor(highest: number) {
    this.steps = Array.from({ length: highest }, () => ({ since: Number.NaN, counts: false }));
  }

  /** `now`: monotonic milliseconds, never earlier than the last. */
  see(rank: number, now: number, riseMs: number, fallMs: number): number {
    let settled = 0;
    for (const [i, step] of this.steps.entries()) {
      const reached = rank > i;
      if (reached === step.counts) step.since = Number.NaN;
      else {
        if (Number.isNaN(step.since)) step.since = now;
        if (now - step.since >= (reached ? riseMs : fallMs)) {
          step.counts = reached;
          step.since = Number.NaN;
        }
      }
      if (step.counts) settled = i + 1;
    }
    return settled;
  }
}
