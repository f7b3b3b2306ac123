// Metrics of the time that Spillway adds, and of the bytes that it holds.
import { addedLatency, heldBytes, latency, one } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const LATENCY_METRICS: MetricGroup = {
  heading: 'Added latency and buffers',
  about:
    'The time that Spillway itself adds, from the read of a command or reply until Spillway hands the result to the other socket. Each process measures one read in 61. The time that a command waits for the server or for other commands is not included.',
  look: 'when clients are slow although the server answers fast',
  metrics: [
    [
      'histogram',
      'added_latency_seconds',
      'Time that Spillway adds, for a sample of commands and replies.',
      addedLatency,
    ],
    [
      'histogram',
      'event_loop_delay_seconds',
      'How late a timer of 50 ms fires: everything else in that process is as late. A millisecond is usual.',
      latency((s) => s.stats.ownTimes.eventLoopDelay),
    ],
    ['gauge', 'held_bytes', 'Bytes of commands and replies that Spillway holds in memory.', heldBytes],
    ['gauge', 'slab_lent_bytes', 'Memory of buffers in use.', one((s) => s.connections.slabLentBytes)],
    [
      'gauge',
      'slab_pooled_bytes',
      'Memory of free buffers that are kept for reuse.',
      one((s) => s.connections.slabPooledBytes),
    ],
  ],
};
