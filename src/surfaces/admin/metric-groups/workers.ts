// Metrics of the processes that serve clients.
import { one, perWorker, workers } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const WORKER_METRICS: MetricGroup = {
  heading: 'Workers',
  about: 'The processes that serve clients. With `"workers": 1` there is one.',
  look: 'when one core is busy and others are not, or clients lost their connections',
  metrics: [
    ['gauge', 'workers', 'Processes that serve clients, by state.', workers],
    [
      'counter',
      'worker_restarts_total',
      'Workers that ended and that Spillway replaced.',
      one((s) => s.workers.restarts),
    ],
    [
      'counter',
      'log_lines_lost_total',
      'Log lines lost, because the disk is full or the reader of the log does not read.',
      one((s) => s.workers.logLinesLost),
    ],
    ['gauge', 'worker_clients', 'Connected clients, by worker.', perWorker((w) => w.clients)],
    [
      'gauge',
      'worker_resident_memory_bytes',
      'Resident memory, by worker.',
      perWorker((w) => w.residentBytes),
    ],
    [
      'counter',
      'worker_cpu_seconds_total',
      'User and system time, by worker. A new worker starts at 0.',
      perWorker((w) => w.cpuSeconds),
    ],
  ],
};
