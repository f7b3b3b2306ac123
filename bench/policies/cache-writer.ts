// The cache of an application: new keys with a TTL of an hour, on one connection, as fast as they are answered or at a rate.
// Own socket and own framing, so that it costs little beside what it loads.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { lognormal, seeded } from '../../test/support/random.js';
import { ReplyLines } from '../scenario/reply-lines.js';

/** SETs in flight. */
const DEPTH = 20;
/** Sizes that are drawn and come one after the other. */
const SIZES = 4093;

export interface CacheOptions {
  readonly port: number;
  readonly valueBytes: number;
  /** Writes a second; 0: as fast as they are answered. */
  readonly rate: number;
  /** true: the writes carry a TTL of an hour; false: they carry none. */
  readonly ttl: boolean;
  /** Sizes are lognormal around `valueBytes`; 0: all alike. */
  readonly sigma: number;
}

export class CacheWriter {
  written = 0;
  refused = 0;
  /** Milliseconds since the start; undefined: nothing was refused. */
  firstRefusedMs: number | undefined;
  /** The first error that is no OOM, or that the connection was lost. */
  fault: string | undefined;
  private running = true;
  private sequence = 0;
  private pending = 0;
  private answered: () => void = () => {};
  private done: Promise<void> = Promise.resolve();
  private readonly since = performance.now();
  private readonly values: readonly string[];
  private readonly tail: string;

  private constructor(
    private readonly options: CacheOptions,
    private readonly socket: net.Socket,
  ) {
    const { valueBytes, ttl, sigma } = options;
    const random = seeded(1);
    this.values = Array.from({ length: sigma === 0 ? 1 : SIZES }, () => {
      const size = sigma === 0 ? valueBytes : lognormal(random, sigma, valueBytes);
      return `$${size}\r\n${'v'.repeat(size)}\r\n`;
    });
    this.tail = ttl ? '$2\r\nEX\r\n$4\r\n3600\r\n' : '';
    const lines = new ReplyLines({
      ok: () => {
        this.written++;
      },
      error: (line) => this.note(line),
    });
    socket.on('data', (chunk: Buffer) => {
      this.pending -= lines.push(chunk);
      if (this.pending === 0) this.answered();
    });
    socket.on('error', (error) => this.lose(error.message));
    socket.on('close', () => this.lose('closed by the other side'));
  }

  static async start(options: CacheOptions): Promise<CacheWriter> {
    const socket = net.connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const writer = new CacheWriter(options, socket);
    writer.done = writer.run();
    return writer;
  }

  /** Lets what is in flight be answered, then disconnects. */
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
    this.socket.destroy();
  }

  private note(line: string): void {
    if (!line.startsWith('OOM ')) {
      this.fault ??= line;
      return;
    }
    this.refused++;
    this.firstRefusedMs ??= performance.now() - this.since;
  }

  private lose(why: string): void {
    if (!this.running) return;
    this.running = false;
    this.fault ??= `connection lost: ${why}`;
    this.answered();
  }

  private async run(): Promise<void> {
    const pauseMs = this.options.rate === 0 ? 0 : (DEPTH / this.options.rate) * 1000;
    let due = performance.now();
    while (this.running) {
      await this.batch();
      due += pauseMs;
      const wait = due - performance.now();
      if (wait > 0) await delay(wait);
    }
  }

  private batch(): Promise<void> {
    this.pending = DEPTH;
    const answered = new Promise<void>((resolve) => {
      this.answered = resolve;
    });
    const parts = this.options.ttl ? 5 : 3;
    let text = '';
    for (let i = 0; i < DEPTH; i++) {
      const key = `cache:${this.sequence++}`;
      const value = this.values[this.sequence % this.values.length] as string;
      text += `*${parts}\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n${value}${this.tail}`;
    }
    this.socket.write(text, 'latin1');
    return answered;
  }
}
