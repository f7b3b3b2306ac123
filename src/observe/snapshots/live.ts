// The snapshot of everything at one moment. Types only.
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { LoggedEvent } from '../history/event-log.js';
import type { GrowthReport } from '../history/history.js';
import type { ServiceStateSnapshot } from '../state/service-state.js';
import type { StatsSnapshot } from '../stats/snapshot.js';
import type { ClientSnapshot, ConnectionSnapshot } from './connections.js';
import type { WorkersSnapshot } from './workers.js';

/** One message of GET /api/stream: the answers of the other paths together. */
export interface LiveSnapshot {
  state: ServiceStateSnapshot;
  stats: StatsSnapshot;
  memory: MemorySnapshot;
  connections: ConnectionSnapshot;
  workers: WorkersSnapshot;
  growth: GrowthReport;
  clients: readonly ClientSnapshot[];
  /** Newest first. */
  events: LoggedEvent[];
}

/** Calls `take` with a snapshot once a second, until the returned function is called. */
export type Subscribe = (take: (live: LiveSnapshot) => void) => () => void;
