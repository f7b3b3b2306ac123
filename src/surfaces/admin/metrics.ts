// /metrics: the snapshots in Prometheus's format. Owns the registry of one proxy; metric-groups.ts lists the metrics.
// It counts and keeps nothing: each scrape takes one snapshot of each source, and all metrics read those.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { METRIC_GROUPS, METRIC_PREFIX } from './metric-groups.js';
import type { Scrape } from './metric-labels.js';
import { SharedAnswers } from './shared-answers.js';
import { registerSnapshotMetric } from './snapshot-metric.js';
import type { AdminSources } from './types.js';

export interface Metrics {
  readonly contentType: string;
  /** The exposition text of one scrape. */
  render(): Promise<string>;
}

/** All metrics over the given sources, with Node's process metrics, in a registry of their own. */
export function createMetrics(
  sources: Pick<
    AdminSources,
    'stats' | 'memory' | 'state' | 'connections' | 'workers' | 'growth' | 'config' | 'alerts' | 'sweep'
  >,
  version: string,
): Metrics {
  const registry = new Registry();
  let scrape: Scrape;
  for (const [type, shortName, help, reader] of METRIC_GROUPS.flatMap(({ metrics }) => metrics)) {
    const name = METRIC_PREFIX + shortName;
    registerSnapshotMetric(registry, { type, name, help, read: () => reader.read(scrape, name) });
  }
  collectDefaultMetrics({ register: registry });
  // One scrape at a time, because all metrics read the same variable.
  const answers = new SharedAnswers<undefined, string>(async () => {
    const [stats, connections, workers] = await Promise.all([
      sources.stats(),
      sources.connections(),
      sources.workers(),
    ]);
    scrape = {
      version,
      stats,
      memory: sources.memory(),
      state: sources.state(),
      connections,
      workers,
      growth: sources.growth(),
      config: sources.config(),
      alerts: sources.alerts(),
      sweep: sources.sweep(),
    };
    return [await registry.metrics()];
  });
  return { contentType: registry.contentType, render: () => answers.ask('', undefined) };
}
