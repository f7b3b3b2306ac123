// What a metric's reader is given and gives: the snapshots of one scrape, and the labels that lines may have.
// Invariant: the config bounds the labels (rules, workers), or they are fixed; no key and no client is a label.
import type { ConfigSnapshot } from '../../config/reload-outcome.js';
import { PIN_REASONS } from '../../core/commands/spec.js';
import { REFUSAL_NAMES } from '../../core/policy/refusal.js';
import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import { SPARED_NAMES } from '../../core/policy/spared.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { AlertsSnapshot } from '../../observe/alerts/snapshot.js';
import type { GrowthReport } from '../../observe/history/history.js';
import type { ConnectionSnapshot } from '../../observe/snapshots/connections.js';
import { SENTINEL_STATES } from '../../observe/snapshots/failover.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import { type ServiceStateSnapshot, STATES } from '../../observe/state/service-state.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import type { Sample } from './snapshot-metric.js';

/** The snapshots of one scrape, all of the same moment. */
export interface Scrape {
  /** The version of Spillway. */
  version: string;
  stats: StatsSnapshot;
  memory: MemorySnapshot;
  state: ServiceStateSnapshot;
  connections: ConnectionSnapshot;
  workers: WorkersSnapshot;
  growth: GrowthReport;
  config: ConfigSnapshot;
  alerts: AlertsSnapshot;
  sweep: SweepSnapshot;
}

/** The labels and their values. */
export const LABELS = {
  rule: 'the rules of the config (10,000 at most), and `unregistered` for keys that no rule matches',
  priority: PRIORITY_NAMES.join(', '),
  result:
    'for follow-ups: set, unchanged, denied, failed; for alerts: delivered, failed; for failovers: switched, returned, timed_out',
  direction: 'from_clients, to_clients, to_upstream, from_upstream',
  side: 'clients, upstream',
  way: 'request (client to server), reply (server to client)',
  what: 'replies (that clients have not read), commands (that the server has not read), stalled (commands that must wait)',
  state: `of workers: configured, running, silent; of the service: ${STATES.join(', ')}; of Sentinels: ${SENTINEL_STATES.join(', ')}`,
  worker: 'numbers from 1 to `workers`; a new worker has the number of the one that it replaces',
  on: 'shared, own, waiting',
  reason: `for refusals: ${REFUSAL_NAMES.join(', ')}; for what was spared: ${SPARED_NAMES.join(', ')}; for pins: ${PIN_REASONS.join(', ')}`,
  mode: 'standalone, cluster, sentinel, unknown',
  role: 'primary, replica, unknown',
  version: 'the version of Spillway; for upstream_info: of the server',
  node: 'the version of Node',
  le: 'the upper bounds of the buckets, in seconds; the same for all proxies',
} as const;

export type Label = keyof typeof LABELS;

/** Reads the lines of a metric; none while its value is unknown. */
export interface Reader {
  /** The labels of every line. */
  readonly labels: readonly Label[];
  /** `name`: the full name of the metric. */
  read(scrape: Scrape, name: string): Sample[];
}
