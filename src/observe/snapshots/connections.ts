// What the API says of connections and clients: field names are an API. Owns shapes only.
import type { PinReason } from '../../core/commands/spec.js';

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
  /** The server has no command for follow-ups: none are sent. */
  followUpsUnsupported: boolean;
  /** Keys for which no rule was found in bounded time: long ones, with many globs that hold no literal text. */
  keysGivenUp: number;
  /** Clients that are not being read from now. */
  pausedClients: number;
  /** In memory now: replies that clients have not taken, commands that the server has not, commands that may not go yet. */
  heldReplyBytes: number;
  heldCommandBytes: number;
  stalledCommandBytes: number;
  /** Memory for what waits to be sent: in use, and kept for the next use. */
  slabLentBytes: number;
  slabPooledBytes: number;
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

/** One client by what it has sent. */
export interface ClientSnapshot {
  /** host:port, or "unix". */
  readonly address: string;
  /** What it calls itself, where that is known: with command pooling. */
  readonly name: string;
  readonly bytes: number;
}
