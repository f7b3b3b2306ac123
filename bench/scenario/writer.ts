// One connection that writes one pattern, a batch of SETs at a time: as fast as it is answered, or at a modest rate.
// Own socket and own framing, so that the load generator costs little beside what it loads.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { keyOf, type PatternName } from './patterns.js';
import { ReplyLines } from './reply-lines.js';
import type { Tally } from './tally.js';

const STOP_TIMEOUT_MS = 10_000;

export interface WriterOptions {
  readonly port: number;
  readonly pattern: PatternName;
  /** Number of this connection among those of its pattern. */
  readonly connection: number;
  readonly values: readonly Buffer[];
  readonly criticalKeys: number;
  readonly tally: Tally;
  /** SETs in flight at most. */
  readonly depth: number;
  /** Pause between batches; 0: full speed. */
  readonly pauseMs: number;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #socket: net.Socket;
  #running = true;
  #done: Promise<void> = Promise.resolve();
  #sequence = 0;
  #pending = 0;
  #answered: () => void = () => {};

  private constructor(options: WriterOptions, socket: net.Socket) {
    this.#options = options;
    this.#socket = socket;
    const { tally } = options;
    const lines = new ReplyLines({
      ok: () => tally.accepted(),
      error: (line) => (line.startsWith('OOM ') ? tally.refused() : tally.failed(line)),
    });
    socket.on('data', (chunk: Buffer) => {
      this.#pending -= lines.push(chunk);
      if (this.#pending === 0) this.#answered();
    });
    const lost = (why: string): void => {
      if (!this.#running) return;
      this.#running = false;
      tally.failed(`connection lost: ${why}`);
      this.#answered();
    };
    socket.on('error', (error) => lost(error.message));
    socket.on('close', () => lost('closed by the other side'));
  }

  static async connect(options: WriterOptions): Promise<Writer> {
    const socket = net.connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Writer(options, socket);
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Lets the batch in flight be answered, then disconnects. */
  async stop(): Promise<void> {
    const lost = !this.#running;
    this.#running = false;
    const timer = setTimeout(() => this.#answered(), lost ? 0 : STOP_TIMEOUT_MS);
    await this.#done;
    clearTimeout(timer);
    this.#socket.destroy();
  }

  async #run(): Promise<void> {
    const { pauseMs } = this.#options;
    while (this.#running) {
      await this.#batch();
      if (pauseMs > 0) await delay(pauseMs);
    }
  }

  #batch(): Promise<void> {
    const { depth, pattern, connection, values, criticalKeys } = this.#options;
    this.#pending = depth;
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#socket.cork();
    for (let i = 0; i < depth; i++) {
      const sequence = this.#sequence++;
      const key = keyOf(pattern, connection, sequence, criticalKeys);
      this.#socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n`, 'latin1');
      this.#socket.write(values[(sequence + connection) % values.length] as Buffer);
    }
    this.#socket.uncork();
    return answered;
  }
}
