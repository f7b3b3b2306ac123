// A Prometheus metric whose values are read, not counted: prom-client's own counters have no "set", and counting
// twice on the hot path would cost more than the write. Owns the bridge to prom-client's registry, nothing else.
import type { Metric, Registry } from 'prom-client';

export interface Sample {
  value: number;
  labels?: Record<string, string | number>;
  /** Name of the line where it differs from the metric's: a histogram's _bucket, _sum and _count. */
  metricName?: string;
}

export interface SnapshotMetricOptions {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** Called once a scrape, synchronously; no samples, no lines. */
  read: () => Sample[];
}

/** Adds a metric to `registry` that asks `read` for its values with each scrape. */
export function registerSnapshotMetric(
  registry: Registry,
  { name, help, type, read }: SnapshotMetricOptions,
): void {
  const metric = {
    name,
    help,
    type,
    get: async () => ({
      name,
      help,
      type,
      aggregator: 'sum',
      values: read().map((s) => ({ labels: {}, ...s })),
    }),
    reset: () => {},
  };
  // The registry asks a metric for no more than this, but its types admit only prom-client's own classes.
  registry.registerMetric(metric as unknown as Metric);
}
