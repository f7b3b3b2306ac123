// A bare TCP client for tests: sends exactly the bytes it is given, hands out exactly the bytes that came.
// Invariant: every wait is bounded, and a wait that fails says what has come so far.
import { once } from 'node:events';
import net from 'node:net';
import type { TestScope } from './redis.js';
import { type Framing, frameReply } from './resp-framing.js';

const DEFAULT_TIMEOUT_MS = 20_000;

/** Encodes a command as a multibulk of its arguments. */
export function command(...args: (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** As connectRaw, and destroyed when `t` ends. */
export async function withRaw(t: TestScope, port: number, timeoutMs?: number): Promise<RawClient> {
  const client = await connectRaw(port, timeoutMs);
  t.teardown(() => client.destroy());
  return client;
}

/** Ports that are not reached by plain TCP (see transport.ts), and the event of a connection that stands. */
export const doors = new Map<number, { open(): net.Socket; readonly opened: string }>();

/** Connects to 127.0.0.1:port; `timeoutMs` bounds every later wait. */
export async function connectRaw(port: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<RawClient> {
  const door = doors.get(port);
  const socket = door?.open() ?? net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await once(socket, door?.opened ?? 'connect', { signal: AbortSignal.timeout(timeoutMs) });
  return new RawClient(socket, timeoutMs);
}

export class RawClient {
  readonly socket: net.Socket;
  readonly #timeoutMs: number;
  #received: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #length = 0;
  /** The other side has sent its end, or the connection is gone. */
  #ended = false;
  #error: NodeJS.ErrnoException | undefined;
  #wake: () => void = () => {};

  constructor(socket: net.Socket, timeoutMs: number) {
    this.socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  /**
   * Sends bytes (a string is latin1). Resolves when the kernel has taken them: mind backpressure. Need not be
   * awaited: what a write fails of shows in the next read, too.
   */
  write(bytes: Buffer | string): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const written = new Promise<void>((resolve, reject) => {
      this.socket.write(data, (error) => (error ? reject(error) : resolve()));
    });
    written.catch(() => {});
    return written;
  }

  /** Sends one command and hands out the bytes of its reply. */
  async call(...args: (string | Buffer | number)[]): Promise<Buffer> {
    void this.write(command(...args));
    const [reply] = await this.readReplies(1);
    return reply as Buffer;
  }

  /** The next `n` bytes, neither more nor fewer; later ones stay for later reads. */
  async readExactly(n: number): Promise<Buffer> {
    await this.#until(`${n} bytes`, () => this.#length >= n);
    return this.#take(n);
  }

  /** The next `n` replies, each as its exact bytes. A push is a reply; an attribute is part of the one it precedes. */
  async readReplies(n: number): Promise<Buffer[]> {
    const replies: Buffer[] = [];
    while (replies.length < n) {
      const end = await this.#replyEnd(`reply ${replies.length + 1} of ${n}`);
      replies.push(this.#take(end));
    }
    return replies;
  }

  /** Everything up to the other side's end (or reset: see `error`). */
  async readUntilClosed(): Promise<Buffer> {
    await this.#until('the connection to be closed', () => this.#ended);
    return this.#take(this.#length);
  }

  /** What has come and was not read. Waits for nothing. */
  peek(): Buffer {
    return Buffer.from(this.#all());
  }

  /** True once the other side has ended or reset the connection. */
  get closed(): boolean {
    return this.#ended;
  }

  /** The socket's error, such as ECONNRESET. */
  get error(): NodeJS.ErrnoException | undefined {
    return this.#error;
  }

  /** Half-close: sends our end; reading goes on. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #replyEnd(what: string): Promise<number> {
    let framing: Framing = { atLeast: 1 };
    for (;;) {
      const { atLeast } = framing;
      // Not at every chunk: gluing a long value together again and again would take forever.
      await this.#until(what, () => this.#length >= atLeast);
      framing = frameReply(this.#all(), 0);
      if ('end' in framing) return framing.end;
    }
  }

  #all(): Buffer {
    if (this.#chunks.length > 0) {
      this.#received = Buffer.concat([this.#received, ...this.#chunks], this.#length);
      this.#chunks = [];
    }
    return this.#received;
  }

  #take(n: number): Buffer {
    const all = this.#all();
    this.#received = all.subarray(n);
    this.#length -= n;
    return all.subarray(0, n);
  }

  async #until(what: string, done: () => boolean): Promise<void> {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#wake();
    }, this.#timeoutMs);
    try {
      while (!done()) {
        if (timedOut || this.#ended) throw this.#failure(what, timedOut);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(what: string, timedOut: boolean): Error {
    const why = timedOut
      ? `not within ${this.#timeoutMs} ms`
      : `connection closed${this.#error ? ` (${this.#error.code})` : ''}`;
    const all = this.#all();
    return new Error(
      `waited for ${what}: ${why}; unread: ${all.length} bytes ${JSON.stringify(all.toString('latin1', 0, 200))}`,
    );
  }
}

/** Whether the server takes an inline command with a quote in the middle of a word, as Valkey does since 9. */
export async function takesTextBehindQuotes(port: number): Promise<boolean> {
  const client = await connectRaw(port);
  void client.write(Buffer.from('PING "a"b\r\n'));
  const [reply] = await client.readReplies(1);
  client.destroy();
  return reply?.[0] !== '-'.charCodeAt(0);
}
