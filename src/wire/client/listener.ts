// Accepts clients on the data port up to a limit, hands them on, and closes the port while the server refuses connections. Owns
// the port and the server's health. The caller serves the clients. Never looks into bytes.
import type { Socket } from 'node:net';
import { errorReply } from '../../core/resp/client-errors.js';
import { UpstreamHealth } from '../upstream/upstream-health.js';
import type { Endpoint } from '../upstream/upstream-socket.js';
import { DataPort, type PortAddress } from './data-port.js';

const MAX_CLIENTS_ERROR = errorReply('MAX_CLIENTS');

export interface ListenerOptions {
  readonly listen: PortAddress;
  /** Clients use TLS: a client that is turned away gets no error, since that would have to be encrypted. */
  readonly secure: boolean;
  readonly upstream: Endpoint;
  /**
   * Present if the primary may change: the port then stays open while the server refuses connections. undefined: the address of
   * the server does not change.
   */
  readonly onSign?: ((reason: string) => void) | undefined;
  /** How many clients may be connected. */
  readonly maxClients: () => number;
  /** Whether one more client can be taken over now. */
  readonly hasRoom: () => boolean;
  /** Clients that are connected now. */
  readonly clients: () => number;
  /** Takes over a client that has not been read yet. */
  readonly onClient: (client: Socket) => void;
  readonly onAcceptFailed: (error: Error) => void;
  /** The server refuses connections, so the data port does too from now on; or both accept them again. */
  readonly onRefusing: (refusing: boolean) => void;
  /** The data port cannot be opened again for now. */
  readonly onReopenFailed: (error: Error) => void;
}

export interface ListenerSnapshot {
  readonly listening: boolean;
  readonly clientsTotal: number;
  readonly clientsRejected: number;
  readonly clientsLimit: number;
}

export class Listener {
  private readonly port: DataPort;
  private readonly health: UpstreamHealth;
  private clientsTotal = 0;
  private clientsRejected = 0;

  constructor(private readonly options: ListenerOptions) {
    this.port = new DataPort(options.listen, {
      accepted: (client) => this.accept(client),
      acceptFailed: options.onAcceptFailed,
      reopenFailed: options.onReopenFailed,
    });
    this.health = new UpstreamHealth(options.upstream, {
      refused: () => {
        if (options.onSign !== undefined) {
          options.onSign('it refuses connections');
          return;
        }
        this.port.shut();
        options.onRefusing(true);
      },
      back: async () => {
        if (options.onSign !== undefined) return;
        await this.port.reopen();
        if (this.listening) options.onRefusing(false);
      },
    });
  }

  /**
   * Begins to listen, and resolves when it is known whether the server accepts connections. Rejects with the system's error
   * (EADDRINUSE, EACCES …) if it cannot listen.
   */
  async start(): Promise<PortAddress> {
    const address = await this.port.open();
    await new Promise<void>((known) => this.health.afterwards(known));
    return address;
  }

  /** The server may be gone: if it refuses connections, the data port must, too. */
  suspectUpstream(): void {
    if (this.listening) this.health.afterwards(() => {});
  }

  /** A connection to the server could not be made: if the server refused it, the data port closes. */
  upstreamFailed(error: Error): void {
    this.health.failed(error);
  }

  /** Why no connection to the server can be made, although the server does not refuse it; undefined: no known reason. */
  get upstreamTrouble(): string | undefined {
    return this.health.trouble;
  }

  /** Whether the data port is open. It is closed while the server refuses connections. */
  get listening(): boolean {
    return this.port.listening;
  }

  snapshot(): ListenerSnapshot {
    const { listening, clientsTotal, clientsRejected } = this;
    return { listening, clientsTotal, clientsRejected, clientsLimit: this.options.maxClients() };
  }

  /** The primary has moved. */
  moved(): void {
    this.health.moved();
  }

  /** Accepts no client until reopen(). */
  shut(): void {
    this.port.shut();
  }

  /** Accepts clients again. */
  async reopen(): Promise<void> {
    await this.port.reopen();
  }

  /** Stops accepting clients, for good. */
  close(): void {
    this.health.close();
    this.port.shut();
  }

  private accept(client: Socket): void {
    const { clients, maxClients, hasRoom, secure } = this.options;
    if (clients() >= maxClients() || !hasRoom()) {
      this.clientsRejected++;
      client.on('error', () => {});
      if (!secure) client.write(MAX_CLIENTS_ERROR);
      // At once: of a crowd that comes in one turn of the event loop, each client would hold a descriptor until the turn ends.
      client.destroy();
      return;
    }
    this.clientsTotal++;
    this.options.onClient(client);
  }
}
