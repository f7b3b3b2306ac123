// Metrics of a primary that Spillway follows.
import { failover, pauses, pauseTimes, sentinels } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const FAILOVER_METRICS: MetricGroup = {
  heading: 'Failover',
  about:
    'These have lines only with `redis-sentinel://` in `upstream.url`, or `failover.mode` "name". FAILOVER.md says what they mean.',
  look: 'when clients waited, or before a planned failover',
  metrics: [
    [
      'gauge',
      'failover_paused',
      '1 while clients wait for a primary, or there is none.',
      failover((s) => Number(s.state !== 'here')),
    ],
    [
      'gauge',
      'clients_waiting_for_primary',
      'Clients that wait for a primary now.',
      failover((s) => s.waiting),
    ],
    [
      'counter',
      'failovers_total',
      'Pauses, by how they ended: with another primary, with the same one, without any.',
      pauses,
    ],
    [
      'histogram',
      'failover_pause_seconds',
      'How long clients waited for a primary in a pause. A planned switch takes 1.1 to 1.5 s.',
      pauseTimes,
    ],
    [
      'gauge',
      'failover_last_pause_seconds',
      'How long clients waited in the last pause.',
      failover((s) => s.lastPauseMs / 1000),
    ],
    [
      'gauge',
      'sentinels',
      'Sentinels, by whether they name the primary in use. Fewer than a majority that agree: a failover could pass unseen.',
      sentinels,
    ],
  ],
};
