// The snapshots of connections and clients. Field names are an API. Types only.
import type { PinReason } from '../../core/commands/spec.js';
import type { FailoverSnapshot } from './failover.js';
import type { SentinelEndpointSnapshot } from './sentinel-endpoint.js';

/** GET /api/connections. */
export interface ConnectionSnapshot {
  /** Whether the data port is open. It is closed while the server refuses connections. */
  listening: boolean;
  /** Clients connected now, clients that have connected, and clients refused because of the limit. */
  clients: number;
  clientsTotal: number;
  clientsRejected: number;
  /** The most clients at a time: limits.maxClients, or fewer if open files or memory do not allow more. */
  clientsLimit: number;
  clientsTimedOut: number;
  /** Clients closed because too many bytes waited for them (command pooling). */
  clientsTooSlow: number;
  /** Clients that had ended, closed because the server was silent on their connection and answered elsewhere. */
  clientsGivenUp: number;
  /** Clients closed because of a bug in Spillway, which the log reports. */
  clientsFailed: number;
  /** TLS handshakes of clients that failed. */
  handshakesFailed: number;
  /** Connections without the PROXY header that their source must send. */
  proxyHeadersRefused: number;
  /** Upstream connections that could not be made or were lost. */
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
  commands: number;
  /** Sessions that became pipes (MONITOR, SYNC, invalid protocol). */
  rawSessions: number;
  /** Times that a client's next command had to wait for a reply. */
  stalls: number;
  /** The server has no command for follow-ups, so Spillway sends none. */
  followUpsUnsupported: boolean;
  /** Keys that counted as matched by no rule, because comparing a long key with many globs without literal text took too long. */
  keysGivenUp: number;
  /** Clients that Spillway does not read now. */
  pausedClients: number;
  /** Bytes in memory: replies that clients have not read, commands that the server has not read, commands that must wait. */
  heldReplyBytes: number;
  heldCommandBytes: number;
  stalledCommandBytes: number;
  /** Memory of buffers: in use, and kept for reuse. */
  slabLentBytes: number;
  slabPooledBytes: number;
  /** What follows the primary; null: its address is fixed. */
  failover: FailoverSnapshot | null;
  /** Clients of the Sentinel endpoint; null: there is none. */
  sentinelEndpoint: SentinelEndpointSnapshot | null;
  /** null: no TLS on that side. */
  tls: TlsSnapshot | null;
  upstreamTls: TlsSnapshot | null;
  /** null: each client has its own upstream connection (session pooling). */
  pool: PoolSnapshot | null;
}

/** The certificate of one side, and its files. */
export interface TlsSnapshot {
  /** When the certificate expires, milliseconds since 1970; null: there is none. */
  certificateExpiresAt: number | null;
  /** Times that the files were renewed. */
  renewals: number;
  /** Why the present files are unusable, so that the old ones stay in use; null: the present files are in use. */
  problem: string | null;
}

/** Command pooling. */
export interface PoolSnapshot {
  /** Shared connections now, since the start, and lost since the start. */
  sharedConnections: number;
  sharedConnectionsTotal: number;
  sharedConnectionsLost: number;
  /** Lost connections that Spillway closed because the server was silent on them and answered on others. */
  sharedConnectionsSilent: number;
  /** Own connections that their clients do not need now and that Spillway keeps for a while. */
  parkedConnections: number;
  /** Clients on shared connections, on their own connections, and waiting for a shared one. */
  clientsSharing: number;
  clientsPinned: number;
  clientsWaiting: number;
  /** Times that a client got a connection of its own, by reason. */
  pins: Record<PinReason, number>;
  /** Commands that failed because their shared connection was lost. */
  commandsLost: number;
  /** Times that a client waited because it had too many commands on a shared connection. */
  windowStalls: number;
  /** Times that Spillway stopped an endless pipeline so that its client could leave its own connection. */
  strayStalls: number;
}

/** A client, and the bytes that it has sent. */
export interface ClientSnapshot {
  /** host:port, or "unix". */
  readonly address: string;
  /** The name that the client has set (CLIENT SETNAME, HELLO … SETNAME); '': none. */
  readonly name: string;
  readonly bytes: number;
}
