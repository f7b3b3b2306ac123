// Whether the server's port refuses connections, so that the data port can do the same meanwhile: a client whose
// connection is accepted believes that it may send, and what it sends then is lost. Looks only when there is reason
// to: a connection that the server ended or refused. Owns at most one connection or one timer.
// By plain TCP or unix socket, also where clients' connections use TLS.
// Only a refusal counts: it says that nobody listens there. Timeouts and lost routes say nothing of the server.
import net from 'node:net';
import { asOne, type Endpoint, target } from './upstream-socket.js';

/** Between two looks at a server that refuses. */
const REFUSED_EVERY_MS = 10;
/** Between two looks at one that accepts: many connections may end for other reasons, by QUIT say. */
const SUSPECT_EVERY_MS = 100;

export interface UpstreamWatchEvents {
  refused(): void;
  back(): void;
}

export class UpstreamWatch {
  private refusing = false;
  private suspected = false;
  private stopped = false;
  private probe: net.Socket | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly upstream: Endpoint,
    private readonly events: UpstreamWatchEvents,
  ) {}

  /** The server has ended a connection: it may be gone. */
  suspect(): void {
    this.suspected = true;
    this.look();
  }

  /** A connection could not be made. */
  failed(error: Error): void {
    const { code } = asOne(error);
    // A unix socket whose file is gone refuses as well.
    if (code === 'ECONNREFUSED' || (code === 'ENOENT' && this.upstream.path !== undefined)) this.refuse();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.probe?.destroy();
  }

  private look(): void {
    if (this.stopped || this.timer !== undefined || this.probe !== undefined) return;
    if (!this.suspected && !this.refusing) return;
    this.suspected = false;
    const probe = net.connect({ ...target(this.upstream), timeout: this.upstream.connectTimeoutMs });
    this.probe = probe;
    probe.on('timeout', () => probe.destroy());
    probe.on('error', (error) => this.failed(error));
    probe.on('connect', () => {
      probe.destroy();
      if (!this.refusing || this.stopped) return;
      this.refusing = false;
      this.events.back();
    });
    probe.on('close', () => {
      this.probe = undefined;
      this.lookLater();
    });
  }

  private refuse(): void {
    if (this.refusing || this.stopped) return;
    this.refusing = true;
    this.events.refused();
    this.lookLater();
  }

  private lookLater(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const delay = this.refusing ? REFUSED_EVERY_MS : SUSPECT_EVERY_MS;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, delay).unref();
  }
}
