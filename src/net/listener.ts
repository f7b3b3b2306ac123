// Accepts clients up to a limit, links each to its own upstream connection, drains on close; refuses connections
// while the server does. Owns the set of links and the counters over them. Never looks into bytes.
import type { Socket } from 'node:net';
import type { SessionContext } from '../session/session.js';
import { BulkTurns } from './bulk-turns.js';
import { ClientLink, type LinkCounters, type LinkEvents, type LinkOptions } from './client-link.js';
import { DataPort, type HostAndPort } from './data-port.js';
import { Turn } from './turn.js';
import { UpstreamPool, type UpstreamPoolSnapshot } from './upstream-pool.js';
import { UpstreamWatch } from './upstream-watch.js';

/** Redis's own words when `maxclients` is reached (networking.c). */
const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n';

export interface ListenerOptions extends Omit<LinkOptions, 'bulkTurns' | 'turn'> {
  readonly listen: HostAndPort;
  readonly maxClients: number;
  /** Shared upstream connections for each user, database and protocol; 0: each client has one of its own. */
  readonly sharedConnections: number;
  readonly context: SessionContext;
  /** Called when the upstream cannot be reached, at most once a second. */
  readonly onUpstreamFailed: (error: Error) => void;
  readonly onAcceptFailed: (error: Error) => void;
  /** The server refuses connections, and from now on the data port does; or both accept them again. */
  readonly onRefusing: (refusing: boolean) => void;
  /** The data port cannot be opened again for now. */
  readonly onReopenFailed: (error: Error) => void;
}

/** Command pooling: who has which connection now. */
export interface PoolSnapshot extends UpstreamPoolSnapshot {
  readonly clientsSharing: number;
  readonly clientsPinned: number;
  readonly parkedConnections: number;
}

export interface ListenerSnapshot extends LinkCounters {
  readonly listening: boolean;
  readonly clients: number;
  readonly pausedClients: number;
  readonly clientsTotal: number;
  readonly clientsRejected: number;
  /** null: session pooling. */
  readonly pool: PoolSnapshot | null;
}

export class Listener {
  private readonly linkOptions: LinkOptions;
  private readonly port: DataPort;
  private readonly watch: UpstreamWatch;
  private readonly pool: UpstreamPool | undefined;
  private readonly links = new Set<ClientLink>();
  private readonly counters: LinkCounters = {
    clientsTimedOut: 0,
    clientsTooSlow: 0,
    upstreamFailures: 0,
    bytesFromClients: 0,
    bytesToClients: 0,
    bytesToUpstream: 0,
    bytesFromUpstream: 0,
  };
  private clientsTotal = 0;
  private clientsRejected = 0;
  private readonly linkEvents: LinkEvents = {
    upstreamFailed: (error) => {
      this.reportFailure(error);
      this.watch.failed(error);
    },
    upstreamEnded: () => this.suspectUpstream(),
    closed: (link) => {
      this.links.delete(link);
      if (this.links.size === 0) this.whenEmpty?.();
    },
  };
  private lastFailureAt = Number.NEGATIVE_INFINITY;
  private whenEmpty: (() => void) | undefined;

  constructor(private readonly options: ListenerOptions) {
    const { listen, upstream, idleTimeoutMs, sharedConnections, onRefusing } = options;
    const turn = new Turn();
    this.linkOptions = { upstream, idleTimeoutMs, bulkTurns: new BulkTurns(), turn };
    if (sharedConnections > 0) {
      this.pool = new UpstreamPool({
        upstream,
        size: sharedConnections,
        turn,
        counters: this.counters,
        onFailed: (error) => this.watch.failed(error),
        onLost: () => this.suspectUpstream(),
      });
    }
    this.port = new DataPort(listen, {
      accepted: (client) => this.accept(client),
      acceptFailed: options.onAcceptFailed,
      reopenFailed: options.onReopenFailed,
    });
    this.watch = new UpstreamWatch(upstream, {
      refused: () => {
        this.port.shut();
        for (const link of this.links) link.serverGone();
        onRefusing(true);
      },
      back: async () => {
        await this.port.reopen();
        if (this.listening) onRefusing(false);
      },
    });
  }

  /** Begins to listen. Rejects with the system's error (EADDRINUSE, EACCES …) when it cannot. */
  async start(): Promise<HostAndPort> {
    const address = await this.port.open();
    this.suspectUpstream();
    return address;
  }

  /** The server may be gone: if it refuses connections, so shall the data port. */
  suspectUpstream(): void {
    if (this.listening) this.watch.suspect();
  }

  /** The data port is open: it is closed while the server refuses connections. */
  get listening(): boolean {
    return this.port.listening;
  }

  snapshot(): ListenerSnapshot {
    let pausedClients = 0;
    for (const link of this.links) if (link.paused) pausedClients++;
    return {
      listening: this.listening,
      clients: this.links.size,
      pausedClients,
      clientsTotal: this.clientsTotal,
      clientsRejected: this.clientsRejected,
      ...this.counters,
      pool: this.pool === undefined ? null : this.poolSnapshot(this.pool),
    };
  }

  private poolSnapshot(pool: UpstreamPool): PoolSnapshot {
    let [clientsSharing, clientsPinned, parkedConnections] = [0, 0, 0];
    for (const { sharing, pinned, hasParked } of this.links) {
      if (sharing) clientsSharing++;
      if (pinned) clientsPinned++;
      if (hasParked) parkedConnections++;
    }
    return { ...pool.snapshot(), clientsSharing, clientsPinned, parkedConnections };
  }

  /**
   * Stops accepting, lets what is under way on each connection finish for up to `graceMs`, then ends the rest.
   * Returns how many had to be ended.
   */
  async close(graceMs: number): Promise<number> {
    this.watch.stop();
    this.port.shut();
    for (const link of this.links) link.drain();
    if (this.links.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const left = this.links.size;
    for (const link of this.links) link.close();
    this.pool?.close();
    return left;
  }

  private accept(client: Socket): void {
    if (this.links.size >= this.options.maxClients) {
      this.clientsRejected++;
      client.on('error', () => {});
      client.end(MAX_CLIENTS_ERROR, () => client.destroy());
      return;
    }
    this.clientsTotal++;
    this.links.add(
      new ClientLink(
        client,
        this.linkOptions,
        this.options.context,
        this.counters,
        this.linkEvents,
        this.pool,
      ),
    );
  }

  private reportFailure(error: Error): void {
    const now = performance.now();
    if (now - this.lastFailureAt < 1000) return;
    this.lastFailureAt = now;
    this.options.onUpstreamFailed(error);
  }
}
