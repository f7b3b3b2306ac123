// The shape of a group of metrics, of which docs/METRICS.md has a section each, and of a metric: one row with its name, type,
// help and reader.
import type { Reader } from '../metric-labels.js';

export type MetricRow = readonly [
  type: 'counter' | 'gauge' | 'histogram',
  /** Without METRIC_PREFIX. */
  name: string,
  help: string,
  reader: Reader,
];

/** Metrics about one subject. */
export interface MetricGroup {
  readonly heading: string;
  readonly about: string;
  /** When to look at them, or why. */
  readonly look: string;
  readonly metrics: readonly MetricRow[];
}
