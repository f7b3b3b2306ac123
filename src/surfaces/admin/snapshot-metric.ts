// A Prometheus metric that reads its values instead of counting: prom-client's counters have no "set", and a second count on
// the hot path would cost more than the write. Owns only the bridge to prom-client's registry.
import type { Metric, Registry } from 'prom-client';

export interface Sample {
  value: number;
  labels?: Record<string, string | number>;
  /** The line's name if it is not the metric's: a histogram's _bucket, _sum and _count. */
  metricName?: string;
}

export interface SnapshotMetricOptions {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** Called once for each scrape, synchronously. Without samples the metric has no line. */
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
  // The registry needs no more than this of a metric, but its types admit only prom-client's own classes.
  registry.registerMetric(metric as unknown as Metric);
}
