// Metrics of the sweep.
import { seconds, sweep } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const SWEEP_METRICS: MetricGroup = {
  heading: 'Sweep',
  about:
    'These have lines only with `sweep.every`. If several proxies serve one Redis, only one sweeps at a time.',
  look: 'when the number of keys without a TTL does not fall',
  metrics: [
    ['gauge', 'sweep_running', '1 while this proxy sweeps.', sweep((s) => Number(s.running))],
    ['counter', 'sweep_ttls_given_total', 'TTLs given to keys that had none.', sweep((s) => s.given)],
    [
      'counter',
      'sweep_failures_total',
      'Sweeps that failed. Spillway tries them again.',
      sweep((s) => s.failures),
    ],
    [
      'gauge',
      'sweep_last_success_timestamp_seconds',
      'When this proxy last finished a database, seconds since 1970.',
      sweep((s) => seconds(s.doneAt)),
    ],
  ],
};
