// All that is shown at one moment, taken together. Owns shapes only.
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { LoggedEvent } from '../history/event-log.js';
import type { GrowthReport } from '../history/history.js';
import type { StatsSnapshot } from '../stats/snapshot.js';
import type { ClientSnapshot, ConnectionSnapshot } from './connections.js';
import type { WorkersSnapshot } from './workers.js';

/** One message of GET /api/stream: what the other paths answer, taken together. */
export interface LiveSnapshot {
  stats: StatsSnapshot;
  memory: MemorySnapshot;
  connections: ConnectionSnapshot;
  workers: WorkersSnapshot;
  growth: GrowthReport;
  clients: readonly ClientSnapshot[];
  /** Newest first. */
  events: LoggedEvent[];
}

/** Calls `take` once a second with what is shown then; returns how to end that. */
export type Subscribe = (take: (live: LiveSnapshot) => void) => () => void;
