// What the clients of a process hold and have sent, as figures. Reads the links; changes nothing.
import { slabs } from '../slabs.js';
import type { UpstreamPool, UpstreamPoolSnapshot } from '../upstream/upstream-pool.js';
import type { ClientLink } from './client-link.js';
import type { ClientTraffic, LinkCounters } from './link-options.js';

/** Command pooling: which client has which connection now. */
export interface PoolSnapshot extends UpstreamPoolSnapshot {
  readonly clientsSharing: number;
  readonly clientsPinned: number;
  readonly parkedConnections: number;
}

export interface ClientsSnapshot extends LinkCounters {
  /** TLS handshakes of clients that began and failed. */
  readonly handshakesFailed: number;
  /** Connections that had to begin with a PROXY header and did not. */
  readonly proxyHeadersRefused: number;
  readonly clients: number;
  readonly pausedClients: number;
  /** Bytes in memory: replies for clients, commands for the server, commands that may not go yet. */
  readonly heldReplyBytes: number;
  readonly heldCommandBytes: number;
  readonly stalledCommandBytes: number;
  /** Memory for bytes that wait to be sent: in use, and kept for the next use. */
  readonly slabLentBytes: number;
  readonly slabPooledBytes: number;
  /** null: session pooling. */
  readonly pool: PoolSnapshot | null;
}

/** The part of the snapshot that comes from the links and their pool. */
type LinkFigures = Omit<
  ClientsSnapshot,
  keyof LinkCounters | 'clients' | 'handshakesFailed' | 'proxyHeadersRefused'
>;

/** `pool`: undefined with session pooling. */
export function figuresOf(links: Iterable<ClientLink>, pool: UpstreamPool | undefined): LinkFigures {
  let pausedClients = 0;
  let [heldReplyBytes, heldCommandBytes, stalledCommandBytes] = [0, pool?.heldBytes ?? 0, 0];
  let [clientsSharing, clientsPinned, parkedConnections] = [0, 0, 0];
  for (const { paused, heldBytes, upstream } of links) {
    if (paused) pausedClients++;
    heldReplyBytes += heldBytes.replies;
    heldCommandBytes += heldBytes.commands;
    stalledCommandBytes += heldBytes.stalled;
    if (upstream.isSharing) clientsSharing++;
    if (upstream.isPinned) clientsPinned++;
    if (upstream.hasParked) parkedConnections++;
  }
  return {
    pausedClients,
    heldReplyBytes,
    heldCommandBytes,
    stalledCommandBytes,
    slabLentBytes: slabs.lentBytes,
    slabPooledBytes: slabs.pooledBytes,
    pool:
      pool === undefined ? null : { ...pool.snapshot(), clientsSharing, clientsPinned, parkedConnections },
  };
}

/** The `n` clients that have sent the most bytes, the largest first. */
export function largestOf(links: Iterable<ClientLink>, n: number): ClientTraffic[] {
  const top: ClientLink[] = [];
  for (const link of links) {
    if (top.length === n && link.bytes <= (top.at(-1)?.bytes ?? 0)) continue;
    let place = top.length;
    while (place > 0 && top[place - 1].bytes < link.bytes) place--;
    top.splice(place, 0, link);
    if (top.length > n) top.pop();
  }
  return top.map((link) => link.describe());
}
