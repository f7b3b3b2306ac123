// All metrics, by subject. Names are an API. docs/METRICS.md is generated from this list and the files of metric-groups/, one
// for each subject. Keeps no values.
import { CONNECTION_METRICS } from './metric-groups/connections.js';
import { EVICTION_METRICS } from './metric-groups/eviction.js';
import { FAILOVER_METRICS } from './metric-groups/failover.js';
import { LATENCY_METRICS } from './metric-groups/latency.js';
import { MEMORY_METRICS } from './metric-groups/memory.js';
import type { MetricGroup } from './metric-groups/metric-group.js';
import { POOL_METRICS } from './metric-groups/pool.js';
import { SERVICE_METRICS } from './metric-groups/service.js';
import { SWEEP_METRICS } from './metric-groups/sweep.js';
import { WORKER_METRICS } from './metric-groups/workers.js';
import { WRITE_METRICS } from './metric-groups/writes.js';

export const METRIC_PREFIX = 'spillway_';

/** In the order of METRICS.md. */
export const METRIC_GROUPS: readonly MetricGroup[] = [
  WRITE_METRICS,
  MEMORY_METRICS,
  EVICTION_METRICS,
  LATENCY_METRICS,
  CONNECTION_METRICS,
  FAILOVER_METRICS,
  SERVICE_METRICS,
  SWEEP_METRICS,
  WORKER_METRICS,
  POOL_METRICS,
];
