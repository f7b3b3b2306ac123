// The snapshot of the Sentinel endpoint. Field names are an API. Types only.

/** In GET /api/connections. */
export interface SentinelEndpointSnapshot {
  /** Connections now. */
  readonly clients: number;
  readonly clientsTotal: number;
  /** Turned away, because there were too many. */
  readonly clientsRejected: number;
  readonly handshakesFailed: number;
  /** Connections that had to begin with a PROXY header, and did not. */
  readonly proxyHeadersRefused: number;
}
