// The functions that the admin server reads, and its options. Field names of what they return are an API. Types only.

import type { Logger } from 'pino';
import type { ConfigSnapshot, ReloadOutcome } from '../../config/reload-outcome.js';
import type { MemorySnapshot, RehearsalOutcome, RehearsalRequest } from '../../memory/snapshot.js';
import type { AdviceSnapshot } from '../../observe/advice/snapshot.js';
import type { AlertsSnapshot } from '../../observe/alerts/snapshot.js';
import type { LoggedEvent } from '../../observe/history/event-log.js';
import type { GrowthReport, HistorySeries, Span } from '../../observe/history/history.js';
import type { Report } from '../../observe/history/report.js';
import type { ClientSnapshot, ConnectionSnapshot } from '../../observe/snapshots/connections.js';
import type {
  PlannedSwitchSnapshot,
  SwitchPlanSnapshot,
  SwitchRefusal,
} from '../../observe/snapshots/failover.js';
import type { Subscribe } from '../../observe/snapshots/live.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import type { ServiceStateSnapshot } from '../../observe/state/service-state.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import type { ExplainRequest, Explanation } from '../explain/types.js';

/** A planned switch of the primary to a replica. */
export interface PlannedFailover {
  /** The one that goes on, or the last one. */
  readonly snapshot: PlannedSwitchSnapshot | null;
  plan(): Promise<SwitchPlanSnapshot | SwitchRefusal>;
  begin(options: { readonly pauseServer?: boolean }): Promise<PlannedSwitchSnapshot | SwitchRefusal>;
}

/** The sources of the admin server. A request calls each source that it needs once. */
export interface AdminSources {
  stats(): StatsSnapshot | Promise<StatsSnapshot>;
  /** The rules in effect, as JSON in the config's own words. */
  rules(): unknown;
  config(): ConfigSnapshot;
  /** Reads the configuration again. */
  reload(): Promise<ReloadOutcome>;
  memory(): MemorySnapshot;
  state(): ServiceStateSnapshot;
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
  /** Calls back once a second with a snapshot of the other sources. */
  readonly subscribe: Subscribe;
  /** Explains what Spillway would do with a command. */
  explain(request: ExplainRequest): Explanation;
  alerts(): AlertsSnapshot;
  /** What is wrong with the server's eviction policy for these rules and keys, and what each policy would do. */
  advice(): Promise<AdviceSnapshot>;
  /** undefined: no switch can be planned, because there are no Sentinels. */
  readonly failover: PlannedFailover | undefined;
  sweep(): SweepSnapshot;
  health(): { live: boolean };
  /** `reasons`: one sentence for each thing that is missing; empty when ready. */
  ready(): { ready: boolean; reasons: string[] };
}

export interface AdminOptions extends AdminSources {
  listen: { host: string; port: number };
  /** The most HTTP connections at a time. */
  maxConnections: number;
  /** The token that requests must send; undefined: none, on loopback only. */
  token: string | undefined;
  log: Logger;
  version: string;
}

export interface AdminServer {
  /** The address it listens on; the real port if the setting is 0. */
  readonly host: string;
  readonly port: number;
  setLogLevel(level: string): void;
  /** Closes at once, including keep-alive connections. */
  close(): Promise<void>;
}
