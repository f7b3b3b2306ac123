// How long clients waited in each pause for a primary, in fixed buckets for Prometheus. Pure.

/** Upper bounds in seconds, rising; one more bucket, +Inf, follows. 1.5 s: a planned switch; 3 to 5 s: a primary that died. */
const BOUNDS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60] as const;

export interface PausesSnapshot {
  /** Number of pauses that have ended. */
  readonly samples: number;
  readonly sumSeconds: number;
  /** Cumulative: pauses of at most `leSeconds`. */
  readonly buckets: readonly { readonly leSeconds: number; readonly count: number }[];
}

export class PauseTimes {
  private readonly counts = new Float64Array(BOUNDS_SECONDS.length);
  private samples = 0;
  private sumSeconds = 0;

  record(milliseconds: number): void {
    const seconds = milliseconds / 1000;
    for (const [i, bound] of BOUNDS_SECONDS.entries()) if (seconds <= bound) this.counts[i]++;
    this.samples++;
    this.sumSeconds += seconds;
  }

  snapshot(): PausesSnapshot {
    const buckets = BOUNDS_SECONDS.map((leSeconds, i) => ({ leSeconds, count: this.counts[i] as number }));
    return { samples: this.samples, sumSeconds: this.sumSeconds, buckets };
  }
}
