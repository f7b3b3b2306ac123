// The time in which the server's port refuses connections, so that the data port can do the same meanwhile: a client
// whose connection is accepted believes that it may send, and what it sends then is lost. Told of its beginning, it
// looks for its end. Owns at most one connection or one timer.
// By plain TCP or unix socket, also where clients' connections use TLS.
// Only a refusal counts: it says that nobody listens there. Timeouts and lost routes say nothing of the server.
import net from 'node:net';
import { asOne, type Endpoint, target } from './upstream-socket.js';

/** Between two looks at a server that refuses. */
const LOOK_EVERY_MS = 10;

export interface UpstreamWatchEvents {
  refused(): void;
  back(): void;
}

export class UpstreamWatch {
  private refusing = false;
  private stopped = false;
  private probe: net.Socket | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly upstream: Endpoint,
    private readonly events: UpstreamWatchEvents,
  ) {}

  /** A connection could not be made. */
  failed(error: Error): void {
    const { code } = asOne(error);
    // A unix socket whose file is gone refuses as well.
    const refused = code === 'ECONNREFUSED' || (code === 'ENOENT' && this.upstream.path !== undefined);
    if (!refused || this.refusing || this.stopped) return;
    this.refusing = true;
    this.events.refused();
    this.lookLater();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.probe?.destroy();
  }

  private lookLater(): void {
    clearTimeout(this.timer);
    if (this.refusing && !this.stopped) this.timer = setTimeout(() => this.look(), LOOK_EVERY_MS).unref();
  }

  private look(): void {
    const probe = net.connect({ ...target(this.upstream), timeout: this.upstream.connectTimeoutMs });
    this.probe = probe;
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => {});
    probe.on('connect', () => {
      probe.destroy();
      if (!this.refusing || this.stopped) return;
      this.refusing = false;
      this.events.back();
    });
    probe.on('close', () => this.lookLater());
  }
}
