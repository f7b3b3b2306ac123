// The listening socket of the data port: opened once, and closed and opened again at the same address while the
// server refuses connections. Invariant: it ends as the last call wanted it, open or shut, whatever came between.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** As Redis's tcp-backlog. */
const BACKLOG = 511;
/** Between two attempts to open the port again while somebody else has it. */
const REOPEN_EVERY_MS = 100;

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface DataPortEvents {
  /** Not read yet. */
  accepted(client: Socket): void;
  /** Out of descriptors, say: that connection is lost, the port stays open. */
  acceptFailed(error: Error): void;
  /** The port cannot be opened again now; it is tried on. Called once for each time it was shut. */
  reopenFailed(error: Error): void;
}

export class DataPort {
  private readonly server: net.Server;
  private wanted = true;
  private reopening = false;

  constructor(
    private address: HostAndPort,
    private readonly events: DataPortEvents,
  ) {
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) =>
      events.accepted(client),
    );
    this.server.on('error', (error) => {
      if (this.server.listening) events.acceptFailed(error);
    });
  }

  get listening(): boolean {
    return this.server.listening;
  }

  /** Begins to listen; says where. Rejects with the system's error (EADDRINUSE, EACCES …) when it cannot. */
  async open(): Promise<HostAndPort> {
    this.server.listen({ ...this.address, backlog: BACKLOG });
    await once(this.server, 'listening');
    const { address, port } = this.server.address() as AddressInfo;
    this.address = { host: address, port };
    return this.address;
  }

  /** Takes no further connection; those that are open stay. */
  shut(): void {
    this.wanted = false;
    this.server.close();
  }

  /** Listens again where it did, as soon as that can be had. Resolves when it does, or is shut again. */
  async reopen(): Promise<void> {
    this.wanted = true;
    if (this.reopening) return;
    this.reopening = true;
    for (let attempt = 0; this.wanted && !this.listening; attempt++) {
      try {
        await this.open();
      } catch (error) {
        if (attempt === 0) this.events.reopenFailed(error as Error);
        await delay(REOPEN_EVERY_MS, undefined, { ref: false });
      }
    }
    if (!this.wanted) this.server.close();
    this.reopening = false;
  }
}
