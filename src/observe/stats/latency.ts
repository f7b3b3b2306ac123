// Times of a sample of operations, such as Redis's replies or the proxy's own work.
// Owns two views of the same samples: a fine histogram for percentiles, and fixed buckets for Prometheus, which adds them up
// over instances and needs the same bounds everywhere. The caller decides what is timed.
import { Histogram, type HistogramPart } from './histogram.js';

/** Upper bounds of the Prometheus buckets in seconds, rising; one more bucket, +Inf, follows. */
const LATENCY_BOUNDS_SECONDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
  0.5, 1, 2.5, 10,
] as const;

/** Longer waits (blocking commands with long timeouts) are recorded as this: ten minutes, in microseconds. */
const LONGEST_MICROS = 600_000_000;

export interface LatencySnapshot {
  /** Number of samples. */
  samples: number;
  /** Sum of all samples in seconds. */
  sumSeconds: number;
  /** Milliseconds, within 1%; null while there are no samples. */
  meanMs: number | null;
  p50Ms: number | null;
  p90Ms: number | null;
  p99Ms: number | null;
  p999Ms: number | null;
  maxMs: number | null;
  /** Cumulative, as in Prometheus: samples that took at most `leSeconds`. */
  buckets: { leSeconds: number; count: number }[];
}

/** Part of the samples as plain data, to be added to another instance. */
export interface LatencyPart {
  readonly micros: HistogramPart;
  readonly buckets: Float64Array;
  readonly samples: number;
  readonly sumSeconds: number;
}

export class LatencyHistogram {
  private readonly micros = new Histogram();
  private readonly buckets = new Float64Array(LATENCY_BOUNDS_SECONDS.length + 1);
  private samples = 0;
  private sumSeconds = 0;

  /** A sample that is not a number or negative (the clock was set back) is ignored. */
  record(milliseconds: number): void {
    if (!(milliseconds >= 0)) return;
    const micros = Math.min(LONGEST_MICROS, Math.max(1, Math.round(milliseconds * 1000)));
    this.micros.record(micros);
    const seconds = micros / 1e6;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_SECONDS.length && seconds > LATENCY_BOUNDS_SECONDS[bucket]) bucket++;
    this.buckets[bucket]++;
    this.samples++;
    this.sumSeconds += seconds;
  }

  /** Returns the samples since the last call (or the start) and resets them. */
  take(): LatencyPart {
    const { samples, sumSeconds } = this;
    const part = { micros: this.micros.take(), buckets: this.buckets.slice(), samples, sumSeconds };
    this.buckets.fill(0);
    this.samples = 0;
    this.sumSeconds = 0;
    return part;
  }

  /** Adds the samples taken from another instance. */
  add({ micros, buckets, samples, sumSeconds }: LatencyPart): void {
    this.micros.add(micros);
    for (let i = 0; i < buckets.length; i++) this.buckets[i] += buckets[i];
    this.samples += samples;
    this.sumSeconds += sumSeconds;
  }

  snapshot(): LatencySnapshot {
    const any = this.samples > 0;
    const quantile = (share: number) => (any ? this.micros.quantile(share) / 1000 : null);
    let below = 0;
    return {
      samples: this.samples,
      sumSeconds: this.sumSeconds,
      meanMs: any ? (this.sumSeconds / this.samples) * 1000 : null,
      p50Ms: quantile(0.5),
      p90Ms: quantile(0.9),
      p99Ms: quantile(0.99),
      p999Ms: quantile(0.999),
      maxMs: any ? this.micros.max / 1000 : null,
      buckets: LATENCY_BOUNDS_SECONDS.map((leSeconds, i) => {
        below += this.buckets[i];
        return { leSeconds, count: below };
      }),
    };
  }
}
