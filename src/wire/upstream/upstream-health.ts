// Whether the server accepts connections. Spillway asks after the server has closed a connection unexpectedly, and after a
// connection could not be made. Only then does it close the client's connection: by then the data port is closed if the server
// refuses, so a client that reconnects at once meets a closed port, not a proxy that loses its commands. With workers the
// refusal is only on its way to the data port.
// Owns at most one connection that asks, one that takes long, one that probes, and their timers. All questions of one turn of the
// event loop share one connection. It uses plain TCP or a unix socket, even if clients' connections use TLS.
//
//   accepts ── a connection is refused ─▶ refuses: probes every LOOK_EVERY_MS ── one is made ─▶ accepts
//      └── one fails for another reason ─▶ asked: `trouble` says why, and it is asked again each second
//
// Only a refusal shows that nobody listens. A timeout or a lost route says nothing about the server. Whoever asks waits for
// ANSWER_LIMIT_MS at most, but trouble is only what a client's connection would meet too: one that takes longer, by a slow
// resolver or an address before the right one that does not answer, goes on for upstream.connectTimeout.
import net from 'node:net';
import { encodeCommand } from '../../core/resp/encode.js';
import { asOne, type Endpoint, target } from './upstream-socket.js';

/** Between two probes of a server that refuses. */
const LOOK_EVERY_MS = 10;
/** A server that takes longer than this may still be there. */
const ANSWER_LIMIT_MS = 250;
/** Between two questions to a server that no connection reaches. */
const TROUBLE_EVERY_MS = 1000;
/** The server answers this without a login. Redis 7.0 neither counts it nor shows it to MONITOR. */
const QUIT = encodeCommand('QUIT');
/**
 * A connection that can be made is no sign of life: when a process is killed, the kernel closes its connections first and its
 * port last. So either the server must answer, or its port must accept a second connection: the kernel may accept the first one
 * for a server that is just being killed. A server that expects TLS does not answer.
 */
const ATTEMPTS = 3;
/** A connection that stood has ended. */
const CUT: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const FULL = '-ERR max number of clients';

export interface UpstreamHealthEvents {
  /** A connection could not be made when Spillway asked; without it, failed() is called instead. */
  failed?(error: Error): void;
  refused?(): void;
  back?(): void;
}

export class UpstreamHealth {
  /** Why no connection can be made, although the server does not refuse; undefined: no known reason. */
  trouble: string | undefined;
  private refuses = false;
  private closed = false;
  private waiting: (() => void)[] = [];
  private asks = false;
  private question: net.Socket | undefined;
  /** Nobody waits for it any longer, and it has yet to be made. */
  private slow: net.Socket | undefined;
  private probe: net.Socket | undefined;
  private looking: NodeJS.Timeout | undefined;
  private doubting: NodeJS.Timeout | undefined;

  constructor(
    private readonly upstream: Endpoint,
    private readonly events: UpstreamHealthEvents,
  ) {}

  /** Calls `then` when an attempt to connect that begins after this call has ended, successful or not. */
  afterwards(then: () => void): void {
    this.waiting.push(then);
    if (this.asks) return;
    this.asks = true;
    setImmediate(() => this.ask());
  }

  /** A connection could not be made. */
  failed(error: Error): void {
    if (this.refuses || this.closed) return;
    const { code } = asOne(error);
    // A unix socket whose file is gone refuses as well.
    if (code !== 'ECONNREFUSED' && (code !== 'ENOENT' || this.upstream.path === undefined)) {
      this.doubt();
      return;
    }
    this.refuses = true;
    this.trouble = undefined;
    this.events.refused?.();
    this.lookLater();
  }

  /** The primary has moved: forgets what is known about the old address. */
  moved(): void {
    this.refuses = false;
    this.trouble = undefined;
    clearTimeout(this.looking);
    this.probe?.destroy();
  }

  /** Asks no further; all that wait are called at once. */
  close(): void {
    this.closed = true;
    clearTimeout(this.looking);
    clearTimeout(this.doubting);
    this.question?.destroy();
    this.slow?.destroy();
    this.probe?.destroy();
  }

  private ask(): void {
    const waiting = this.waiting;
    this.waiting = [];
    this.askFor(waiting, ATTEMPTS);
  }

  private askFor(waiting: readonly (() => void)[], attempts: number): void {
    this.put((known) => {
      if (known || attempts === 1) this.asked(waiting);
      else this.askFor(waiting, attempts - 1);
    });
  }

  private asked(waiting: readonly (() => void)[]): void {
    this.asks = this.waiting.length > 0;
    if (this.asks) setImmediate(() => this.ask());
    for (const then of waiting) then();
  }

  /** Asks once; `done` receives whether it is now known if the server is there. */
  private put(done: (known: boolean) => void): void {
    let known = this.closed;
    if (known) {
      done(known);
      return;
    }
    const { connectTimeoutMs } = this.upstream;
    const socket = net.connect({ ...target(this.upstream), timeout: connectTimeoutMs }).unref();
    this.question = socket;
    let trouble: string | undefined = `it has accepted no connection for ${connectTimeoutMs} ms`;
    let isDone = false;
    const tell = (): void => {
      clearTimeout(limit);
      if (this.question === socket) this.question = undefined;
      if (!isDone) {
        isDone = true;
        done(known);
      }
    };
    const end = (): void => {
      known = true;
      socket.destroy();
    };
    const limit = setTimeout(() => {
      if (!socket.connecting) end();
      else {
        known = true;
        // An earlier one that takes long will show what this one would.
        if (this.slow === undefined) this.slow = socket;
        else {
          trouble = this.trouble;
          socket.destroy();
        }
        tell();
      }
    }, ANSWER_LIMIT_MS).unref();
    socket.on('connect', () => {
      trouble = undefined;
      if (isDone) end();
      else socket.write(QUIT);
    });
    socket.on('data', (bytes: Buffer) => {
      const words = bytes.toString('latin1');
      if (words.startsWith(FULL)) {
        trouble = words.slice(1).trim();
        this.report(new Error(trouble));
      }
      end();
    });
    socket.on('timeout', end);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (CUT.has(error.code ?? '')) return;
      known = true;
      trouble = asOne(error).message;
      this.report(error);
    });
    socket.on('close', () => {
      if (this.slow === socket) this.slow = undefined;
      this.trouble = this.refuses ? undefined : trouble;
      if (this.trouble !== undefined) this.doubt();
      tell();
    });
  }

  private report(error: Error): void {
    if (this.events.failed === undefined) this.failed(error);
    else this.events.failed(error);
  }

  /** Connections fail, but not because nobody listens: checks whether all of them fail. */
  private doubt(): void {
    if (this.doubting !== undefined || this.closed || this.events.refused === undefined) return;
    this.doubting = setTimeout(() => {
      this.doubting = undefined;
      if (this.trouble !== undefined) this.doubt();
    }, TROUBLE_EVERY_MS).unref();
    this.afterwards(() => {});
  }

  private lookLater(): void {
    clearTimeout(this.looking);
    if (this.refuses && !this.closed) this.looking = setTimeout(() => this.look(), LOOK_EVERY_MS).unref();
  }

  private look(): void {
    const probe = net.connect({ ...target(this.upstream), timeout: this.upstream.connectTimeoutMs });
    this.probe = probe;
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => {});
    probe.on('connect', () => {
      probe.destroy();
      if (!this.refuses || this.closed) return;
      this.refuses = false;
      this.events.back?.();
    });
    probe.on('close', () => this.lookLater());
  }
}
