// Whether the server still listens, asked when it has ended a connection without being asked to. Whoever loses his
// connection by that is told afterwards: by then the data port refuses connections where the server does, and a client
// that connects again at once does not send what would be lost. Owns at most one connection; all that ends in one turn
// of the event loop is one question. With workers the refusal is on its way to the data port, not there yet.
// By plain TCP or unix socket, also where clients' connections use TLS.
//
// A connection that can be made is no sign of life: of a process that was killed the kernel closes the connections
// first and the port last. So the server is to answer, or its port to be there once more.
import net from 'node:net';
import { encodeCommand } from '../../core/resp/encode.js';
import { type Endpoint, target } from './upstream-socket.js';

/** A server that takes longer is not known to be gone. */
const PATIENCE_MS = 250;
/** Answered to whoever asks, and by Redis 7.0 neither counted nor shown to MONITOR. */
const QUIT = encodeCommand('QUIT');
/** The first may be taken by a server that is killed then, the second by its port; one that expects TLS answers none. */
const ATTEMPTS = 3;
/** Of a connection that stood. */
const CUT: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export class UpstreamCheck {
  private waiting: (() => void)[] = [];
  private asks = false;
  private socket: net.Socket | undefined;
  private closed = false;

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
    this.closed = true;
    this.socket?.destroy();
  }

  private ask(): void {
    const waiting = this.waiting;
    this.waiting = [];
    this.askFor(waiting, ATTEMPTS);
  }

  private askFor(waiting: readonly (() => void)[], attempts: number): void {
    this.probe((known) => {
      if (known || attempts === 1) this.asked(waiting);
      else this.askFor(waiting, attempts - 1);
    });
  }

  private asked(waiting: readonly (() => void)[]): void {
    this.asks = this.waiting.length > 0;
    if (this.asks) setImmediate(() => this.ask());
    for (const then of waiting) then();
  }

  /** `done` learns whether it is known now if the server is there. */
  private probe(done: (known: boolean) => void): void {
    let known = this.closed;
    if (known) {
      done(known);
      return;
    }
    const socket = net.connect({ ...target(this.upstream), timeout: PATIENCE_MS }).unref();
    this.socket = socket;
    const end = (): void => {
      known = true;
      socket.destroy();
    };
    socket.on('connect', () => socket.write(QUIT));
    socket.on('data', end);
    socket.on('timeout', end);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (CUT.has(error.code ?? '')) return;
      known = true;
      this.failed(error);
    });
    socket.on('close', () => {
      this.socket = undefined;
      done(known);
    });
  }
}
