// Whether the server still listens, asked when it has ended a connection without being asked to. Whoever loses his
// connection by that is told afterwards: by then the data port refuses connections where the server does, and a client
// that connects again at once does not send what would be lost. Owns at most one connection; all that ends in one turn
// of the event loop is one question. With workers the refusal is on its way to the data port, not there yet.
// By plain TCP or unix socket, also where clients' connections use TLS.
import net from 'node:net';
import { type Endpoint, target } from './upstream-socket.js';

/** A server that takes longer is not known to be gone. */
const PATIENCE_MS = 250;

export class UpstreamCheck {
  private waiting: (() => void)[] = [];
  private asks = false;
  private probe: net.Socket | undefined;

  /** `failed` hears why a connection could not be made. */
  constructor(
    private readonly upstream: Endpoint,
    private readonly failed: (error: Error) => void,
  ) {}

  /** Calls `then` when an attempt to connect that begins after this call has ended, well or not. */
  afterwards(then: () => void): void {
    this.waiting.push(then);
    if (this.asks) return;
    this.asks = true;
    setImmediate(() => this.ask());
  }

  /** Asks no further; who waits is called at once. */
  close(): void {
    this.probe?.destroy();
  }

  private ask(): void {
    const waiting = this.waiting;
    this.waiting = [];
    const probe = net.connect({ ...target(this.upstream), timeout: PATIENCE_MS }).unref();
    this.probe = probe;
    probe.on('connect', () => probe.destroy());
    probe.on('timeout', () => probe.destroy());
    probe.on('error', this.failed);
    probe.on('close', () => {
      this.probe = undefined;
      this.asks = this.waiting.length > 0;
      if (this.asks) setImmediate(() => this.ask());
      for (const then of waiting) then();
    });
  }
}
