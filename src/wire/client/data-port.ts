// The listening socket of the data port, TCP or unix. While the server refuses connections the port is closed; then it is
// opened again at the same address.
// Invariants: open(), shut() and reopen() may overlap, and the last call wins; a unix socket is removed only if nobody
// listens at it.
import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** As Redis's tcp-backlog. */
const BACKLOG = 511;
/** Between two attempts to open the port again while another process has it. */
const REOPEN_EVERY_MS = 100;

export interface PortAddress {
  readonly host: string;
  readonly port: number;
  /** The path of a unix socket: host and port then mean nothing. */
  readonly path?: string | undefined;
  /** The file mode of the unix socket. */
  readonly mode: number;
}

export interface DataPortEvents {
  /** A client that has not been read yet. */
  accepted(client: Socket): void;
  /** A connection could not be accepted, for lack of descriptors for example. That connection is lost; the port stays open. */
  acceptFailed(error: Error): void;
  /** The port could not be opened again; further attempts follow. Called once for each time that it was shut. */
  reopenFailed(error: Error): void;
}

export class DataPort {
  private readonly server: net.Server;
  private wanted = true;
  private reopening = false;

  constructor(
    private address: PortAddress,
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

  /** Begins to listen, and returns the address. Rejects with the system's error (EADDRINUSE, EACCES …) on failure. */
  async open(): Promise<PortAddress> {
    const { host, port, path, mode } = this.address;
    if (path === undefined) {
      this.server.listen({ host, port, backlog: BACKLOG });
      await once(this.server, 'listening');
      const bound = this.server.address() as AddressInfo;
      this.address = { host: bound.address, port: bound.port, mode };
    } else {
      await removeStale(path);
      // The file is created while listen() runs, so nobody can connect under another mode, not even for a moment.
      const before = process.umask(0o777 & ~mode);
      try {
        this.server.listen({ path, backlog: BACKLOG });
      } finally {
        process.umask(before);
      }
      await once(this.server, 'listening');
    }
    return this.address;
  }

  /** Accepts no further connection; open ones stay. */
  shut(): void {
    this.wanted = false;
    this.server.close();
  }

  /** Listens at the same address again as soon as it is free. Resolves when it listens, or when it is shut again. */
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

/** A process that was killed leaves the file of its unix socket behind, and nobody could ever listen there again. */
async function removeStale(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  );
  if (isSocket && (await refuses(path))) await unlink(path).catch(() => {});
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  });
}
