// What the admin server shows, as the JSON of its answers: field names are an API.
// Owns shapes only. Whoever assembles the proxy hands in functions that build these; nothing here reads a module.

import type { Logger } from 'pino';
import type { ConfigSnapshot, ReloadOutcome } from '../../config/reload-outcome.js';
import type { MemorySnapshot, RehearsalOutcome, RehearsalRequest } from '../../memory/snapshot.js';
import type { AlertsSnapshot } from '../../observe/alerts/snapshot.js';
import type { LoggedEvent } from '../../observe/history/event-log.js';
import type { GrowthReport, HistorySeries, Span } from '../../observe/history/history.js';
import type { Report } from '../../observe/history/report.js';
import type { ClientSnapshot, ConnectionSnapshot } from '../../observe/snapshots/connections.js';
import type { Subscribe } from '../../observe/snapshots/live.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import type { ExplainRequest, Explanation } from '../explain/types.js';

/** Everything that the admin server reads; each is called once for a request that needs it. */
export interface AdminSources {
  stats(): StatsSnapshot | Promise<StatsSnapshot>;
  /** The rules in effect, as JSON in the config's own words. */
  rules(): unknown;
  config(): ConfigSnapshot;
  /** Reads the configuration again. */
  reload(): Promise<ReloadOutcome>;
  memory(): MemorySnapshot;
  /** Begins a rehearsal; undefined ends it. */
  setRehearsal(request: RehearsalRequest | undefined): RehearsalOutcome;
  connections(): ConnectionSnapshot | Promise<ConnectionSnapshot>;
  workers(): WorkersSnapshot | Promise<WorkersSnapshot>;
  growth(): GrowthReport;
  history(span: Span): HistorySeries;
  /** What the rules did in the last `windowMs`. */
  report(windowMs: number): Report;
  events(): LoggedEvent[];
  /** Most bytes first. */
  clients(): readonly ClientSnapshot[] | Promise<readonly ClientSnapshot[]>;
  /** Once a second, with what the other sources say then. */
  readonly subscribe: Subscribe;
  /** What would become of a write, as ExplainRequest says. */
  explain(request: ExplainRequest): Explanation;
  alerts(): AlertsSnapshot;
  sweep(): SweepSnapshot;
  health(): { live: boolean };
  /** `reasons`: one sentence for each thing that is missing; empty when ready. */
  ready(): { ready: boolean; reasons: string[] };
}

export interface AdminOptions extends AdminSources {
  listen: { host: string; port: number };
  /** How many may be open at a time. */
  maxConnections: number;
  /** What requests must carry; undefined: none, for loopback only. */
  token: string | undefined;
  log: Logger;
  version: string;
}

export interface AdminServer {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly host: string;
  readonly port: number;
  setLogLevel(level: string): void;
  /** Ends at once, open keep-alive connections too. */
  close(): Promise<void>;
}
