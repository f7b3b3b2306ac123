// What the admin server shows, as the JSON of its answers: field names are an API.
// Owns shapes only. Whoever assembles the proxy hands in functions that build these; nothing here reads a module.
import type { Logger } from 'pino';
import type { PinReason } from '../../core/commands/spec.js';
import type { PriorityName } from '../../core/policy/rule.js';
import type { Level } from '../../memory/pressure.js';
import type { LoggedEvent } from '../../observe/history/event-log.js';
import type { GrowthReport, HistorySeries, Span } from '../../observe/history/history.js';
import type { Report } from '../../observe/history/report.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import type { ExplainRequest, Explanation } from '../explain/types.js';

/** How much one priority is held back. */
export interface ShedLevel {
  /** Share of its growing writes refused now, 0 (none) … 1 (all). */
  shedShare: number;
  /** Pressures at which refusing starts and is full, 0 … 1; null: never refused. */
  band: readonly [start: number, full: number] | null;
}

/** GET /api/memory. Bytes are null before the first reading, or where the server does not tell. */
export interface MemorySnapshot {
  /** (used - not counted) / limit; null without a limit or a reading. */
  pressure: number | null;
  /** What `level` stands on: `pressure`, or more by what was let through since, by hysteresis, by a rehearsal. */
  actingPressure: number | null;
  /** What that comes from. */
  cause: string;
  usedBytes: number | null;
  /** Replication and AOF buffers, which Redis leaves out when it compares with maxmemory. */
  notCountedBytes: number | null;
  /** What pressure is measured against: maxmemory, or the config's own limit. */
  limitBytes: number | null;
  maxmemoryBytes: number | null;
  /** maxmemory_policy as Redis names it. */
  policy: string | null;
  level: Record<PriorityName, ShedLevel>;
  /** Whether anything can be refused at all. */
  active: boolean;
  readingAgeMs: number | null;
  /** The reading is older than memory.staleAfter. */
  stale: boolean;
  /** One sentence: why shedding is on or off. */
  reason: string;
  /** Estimated growth of forwarded writes that the reading cannot contain yet. */
  growthSinceReadingBytes: number;
  /** What is left up to the point where Redis itself refuses; null where it would not. */
  headroomBytes: number | null;
  upstreamVersion: string | null;
  polls: number;
  pollErrors: number;
  levelChanges: number;
  /** null: what is refused is what memory demands. */
  rehearsal: RehearsalSnapshot | null;
}

/** As if memory were so full. */
export interface RehearsalSnapshot {
  /** As `pressure` above; the higher one counts. */
  readonly pressure: number;
  /** ISO 8601. */
  readonly endsAt: string;
  readonly secondsLeft: number;
}

/** POST /api/simulate. */
export interface RehearsalRequest {
  readonly pressure: number;
  readonly seconds: number;
}

export type RehearsalOutcome =
  | { readonly ok: true; readonly rehearsal: RehearsalSnapshot | null }
  /** Nothing is shed here, and why. */
  | { readonly ok: false; readonly reason: string };

/** What somebody should know of. */
export interface AlertSituation {
  readonly levels: Readonly<Record<PriorityName, Level>>;
  /** Memory is full within alerts.timeToFull. */
  readonly fullSoon: boolean;
  /** Writes are refused as if memory were fuller than it is. */
  readonly rehearsal: boolean;
}

/** The proxy's own sweep. */
export interface SweepSnapshot {
  /** The config asks for one. */
  readonly on: boolean;
  /** This proxy is at it. */
  readonly running: boolean;
  /** TTLs, since the start, by this proxy. */
  readonly given: number;
  readonly failures: number;
  /** Why the last one failed; null: it did not. */
  readonly problem: string | null;
  /** When this proxy was last done with a database, milliseconds since 1970. */
  readonly doneAt: number | null;
}

/** GET /api/alerts. */
export interface AlertsSnapshot {
  /** There is one; without it nothing is watched for, and the rest stays as it was. */
  readonly webhook: boolean;
  /** What is so, and what the receiver was told last: where they differ, an alert is on its way. */
  readonly now: AlertSituation;
  readonly told: AlertSituation;
  /** Attempts. */
  readonly delivered: number;
  readonly failed: number;
  /** Why the last attempt failed; null: it did not. */
  readonly problem: string | null;
}

/** GET /api/connections. */
export interface ConnectionSnapshot {
  /** The data port is open: it is closed while the server refuses connections. */
  listening: boolean;
  /** Connected now, connected ever, and turned away because of the limit. */
  clients: number;
  clientsTotal: number;
  clientsRejected: number;
  /** So many are served at most: limits.maxClients, or as many as open files and memory allow. */
  clientsLimit: number;
  clientsTimedOut: number;
  /** Closed, since more waited for them than may (command pooling). */
  clientsTooSlow: number;
  /** Ended by a fault of Spillway's own, which the log tells. */
  clientsFailed: number;
  /** TLS handshakes of clients that were begun and failed. */
  handshakesFailed: number;
  /** Connections that were to begin with a PROXY header and did not. */
  proxyHeadersRefused: number;
  /** Upstream connections that could not be made or were lost. */
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
  commands: number;
  /** Sessions that became a plain pipe (MONITOR, SYNC, broken protocol). */
  rawSessions: number;
  /** Times that reading one side was paused for the other. */
  stalls: number;
  /** The server has no EXPIRE … NX (before 7.0): no follow-ups are sent. */
  followUpsUnsupported: boolean;
  /** Keys for which no rule was found in bounded time: long ones, with many globs that hold no literal text. */
  keysGivenUp: number;
  /** Clients that are not being read from now. */
  pausedClients: number;
  /** In memory now: replies that clients have not taken, commands that the server has not, commands that may not go yet. */
  heldReplyBytes: number;
  heldCommandBytes: number;
  stalledCommandBytes: number;
  /** null: clients use no TLS, or the server none. */
  tls: TlsSnapshot | null;
  upstreamTls: TlsSnapshot | null;
  /** null: each client has its own upstream connection (session pooling). */
  pool: PoolSnapshot | null;
}

/** The certificate of one side, and its files. */
export interface TlsSnapshot {
  /** When the certificate ends, milliseconds since 1970; null: there is none. */
  certificateExpiresAt: number | null;
  /** Times that the files were renewed. */
  renewals: number;
  /** Why the files as they are now cannot be used, and the old ones stay; null: they are in use. */
  problem: string | null;
}

/** Command pooling. */
export interface PoolSnapshot {
  /** Shared connections that stand now, that ever did, and how many of these were lost. */
  sharedConnections: number;
  sharedConnectionsTotal: number;
  sharedConnectionsLost: number;
  /** Of those lost: given up, since the server was silent on them and answered on others. */
  sharedConnectionsSilent: number;
  /** Connections of clients' own that are kept for a while, in case they are needed again. */
  parkedConnections: number;
  /** Clients that are on shared connections, that have one of their own, and that wait for a shared one. */
  clientsSharing: number;
  clientsPinned: number;
  clientsWaiting: number;
  /** Times a client got a connection of its own, by what for. */
  pins: Record<PinReason, number>;
  /** Commands answered with an error, since their shared connection was lost. */
  commandsLost: number;
  /** Times a client waited since it had too many commands on a shared connection. */
  windowStalls: number;
  /** Times an unending pipeline was stopped, so that it could leave its own connection. */
  strayStalls: number;
}

/** One process that serves clients. */
export interface WorkerSnapshot {
  /** 1 and up: whoever takes the place of another has its number. */
  worker: number;
  pid: number;
  clients: number;
  upSeconds: number;
  residentBytes: number;
  /** User and system time since it started. */
  cpuSeconds: number;
  /** Lines of its log that could not be written. */
  logLinesLost: number;
}

/** GET /api/workers. */
export interface WorkersSnapshot {
  configured: number;
  running: number;
  /** Workers that ended, and had to be replaced. */
  restarts: number;
  /** Workers that did not report in time: their figures are of their last report. */
  silent: number;
  /** Of all processes since the start, the primary and those that have ended included. */
  logLinesLost: number;
  workers: WorkerSnapshot[];
}

/** What a reload was asked for by. */
export type ReloadCause = 'SIGHUP' | 'POST /api/reload' | 'file change';

/** Why a config was not taken over: what is wrong, and where. */
export interface ReloadFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  /** A file's path, or "environment". */
  readonly source: string;
  readonly problems: readonly { readonly where: string; readonly message: string }[];
}

/** How a reload ended. */
export type ReloadOutcome =
  | {
      readonly ok: true;
      /** Settings that were changed, and such that stay as they are until a restart: paths as in the config. */
      readonly applied: readonly string[];
      readonly needsRestart: readonly string[];
      /** How many there are now. */
      readonly rules: number;
      /** Workers that have not confirmed it in time. */
      readonly workersPending: readonly number[];
      readonly warnings: readonly string[];
    }
  | ({ readonly ok: false } & ReloadFailure);

/** GET /api/config. */
export interface ConfigSnapshot {
  /** null: there is none. */
  readonly file: string | null;
  /** ISO 8601: when it was last read and taken over. */
  readonly loadedAt: string;
  /** Settings that were changed then and wait for a restart. */
  readonly needsRestart: readonly string[];
  readonly reloads: number;
  readonly reloadFailures: number;
  /** null: the last attempt did not fail. */
  readonly lastError: ReloadFailure | null;
  /** What is in effect, in the config's own words, without secrets. */
  readonly config: unknown;
}

/** One client by what it has sent. */
export interface ClientSnapshot {
  /** host:port, or "unix". */
  readonly address: string;
  /** What it calls itself, where that is known: with command pooling. */
  readonly name: string;
  readonly bytes: number;
}

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
  rehearse(request: RehearsalRequest | undefined): RehearsalOutcome;
  connections(): ConnectionSnapshot | Promise<ConnectionSnapshot>;
  workers(): WorkersSnapshot | Promise<WorkersSnapshot>;
  growth(): GrowthReport;
  history(span: Span): HistorySeries;
  /** What the rules did in the last `windowMs`. */
  report(windowMs: number): Report;
  events(): LoggedEvent[];
  /** Most bytes first. */
  clients(): readonly ClientSnapshot[] | Promise<readonly ClientSnapshot[]>;
  /** Calls `take` once a second with what the other sources say then; returns how to end that. */
  subscribe(take: (live: LiveSnapshot) => void): () => void;
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
