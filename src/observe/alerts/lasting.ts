// What a value has settled at: so that one that goes to and fro is not told each time. Pure; the clock comes with each call.
// A rank counts once the value has stood at or above it for `riseMs`, and no longer once it has stood below for `fallMs`.
// Invariant: a value that stays settles within the longer of the two, and one that does not settles nowhere new.

interface Step {
  /** Since when the value has been on the other side of it; NaN: it is not. */
  since: number;
  counts: boolean;
}

export class Lasting {
  /** One for each rank above 0. */
  private readonly steps: readonly Step[];

  /** Values are ranks from 0 to `highest`; 0 is what is there at first. */
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
