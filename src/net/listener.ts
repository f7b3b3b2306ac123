// The data port: accepts clients up to a limit, links each to its own upstream connection, drains on close.
// Owns the set of links and the counters over them. Never looks into bytes.
import net, { type AddressInfo, type Socket } from 'node:net';
import type { SessionContext } from '../session/session.js';
import { ClientLink, HIGH_WATER_BYTES, type LinkCounters, type LinkOptions } from './client-link.js';

/** Redis's own words when `maxclients` is reached (networking.c). */
const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n';

export interface ListenerOptions extends LinkOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly maxClients: number;
  readonly context: SessionContext;
  /** Called when the upstream cannot be reached, at most once a second. */
  readonly onUpstreamFailed: (error: Error) => void;
  readonly onAcceptFailed: (error: Error) => void;
}

export interface ListenerSnapshot extends LinkCounters {
  readonly clients: number;
  readonly pausedClients: number;
  readonly clientsTotal: number;
  readonly clientsRejected: number;
}

export class Listener {
  private readonly server: net.Server;
  private readonly links = new Set<ClientLink>();
  private readonly counters: LinkCounters = {
    clientsTimedOut: 0,
    upstreamFailures: 0,
    bytesFromClients: 0,
    bytesToClients: 0,
    bytesToUpstream: 0,
    bytesFromUpstream: 0,
  };
  private clientsTotal = 0;
  private clientsRejected = 0;
  private lastFailureAt = Number.NEGATIVE_INFINITY;
  private whenEmpty: (() => void) | undefined;

  constructor(private readonly options: ListenerOptions) {
    this.server = net.createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES },
      (client) => this.accept(client),
    );
  }

  /** Begins to listen. Rejects with the system's error (EADDRINUSE, EACCES …) when it cannot. */
  async start(): Promise<{ host: string; port: number }> {
    const { host, port } = this.options.listen;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port, backlog: 511 }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    // Out of descriptors, say: that connection is lost, the listener stays.
    this.server.on('error', this.options.onAcceptFailed);
    const address = this.server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  snapshot(): ListenerSnapshot {
    let pausedClients = 0;
    for (const link of this.links) if (link.paused) pausedClients++;
    return {
      clients: this.links.size,
      pausedClients,
      clientsTotal: this.clientsTotal,
      clientsRejected: this.clientsRejected,
      ...this.counters,
    };
  }

  /**
   * Stops accepting, lets what is under way on each connection finish for up to `graceMs`, then ends the rest.
   * Returns how many had to be ended.
   */
  async close(graceMs: number): Promise<number> {
    this.server.close();
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
    const link = new ClientLink(client, this.options, this.options.context, this.counters, {
      upstreamFailed: (error) => this.reportFailure(error),
      closed: (closed) => {
        this.links.delete(closed);
        if (this.links.size === 0) this.whenEmpty?.();
      },
    });
    this.links.add(link);
  }

  private reportFailure(error: Error): void {
    const now = performance.now();
    if (now - this.lastFailureAt < 1000) return;
    this.lastFailureAt = now;
    this.options.onUpstreamFailed(error);
  }
}
