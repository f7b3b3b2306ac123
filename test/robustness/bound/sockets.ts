// Bare sockets for clients that behave badly: they send more than anybody takes, or read less than they are owed.
// Never holds what it sends or reads: this process must not grow by what the proxy under test must not hold.
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';

const BATCH_BYTES = 64 * 1024;
const PATIENCE_MS = 120_000;

/** A connection that reads nothing until it is told to. Being reset is no error here: see `destroyed`. */
export async function open(port: number): Promise<Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(PATIENCE_MS) });
  socket.on('error', () => {});
  socket.pause();
  return socket;
}

/** Opens `count` of them, some at a time. */
export async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const next = Math.min(100, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: next }, () => open(port)))));
  }
  return sockets;
}

/** Resolves when there is room for more, or nobody to send to. */
export async function send(socket: Socket, bytes: Buffer | string): Promise<void> {
  if (socket.write(bytes) || socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

/** Sends `unit` so many times, as fast as it is taken. */
export async function sendTimes(socket: Socket, unit: Buffer, times: number): Promise<void> {
  const inBatch = Math.max(1, Math.min(times, Math.floor(BATCH_BYTES / unit.length)));
  const batch = Buffer.concat(Array<Buffer>(inBatch).fill(unit));
  for (let left = times; left > 0 && !socket.destroyed; left -= inBatch) {
    await send(socket, left >= inBatch ? batch : batch.subarray(0, left * unit.length));
  }
}

/** The digest of bytes given piece by piece: what arrived is compared with what was due without keeping either. */
export class Digest {
  readonly #hash: Hash = createHash('sha1');
  length = 0;

  /** A string is latin1. */
  add(bytes: Buffer | string, times = 1): this {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (let i = 0; i < times; i++) this.#hash.update(piece);
    this.length += piece.length * times;
    return this;
  }

  text(): string {
    return `${this.length} bytes ${this.#hash.digest('hex')}`;
  }
}

/**
 * Reads the next `n` bytes, or what comes before the end, and returns their digest. What came with them and lies
 * behind them stays for the next read.
 */
export function digestOf(socket: Socket, n: number): Promise<string> {
  return new Promise((resolve) => {
    const digest = new Digest();
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', take).off('end', done).off('close', done);
      socket.pause();
      resolve(digest.text());
    };
    const take = (piece: Buffer): void => {
      const mine = piece.subarray(0, n - digest.length);
      digest.add(mine);
      if (digest.length < n) return;
      done();
      if (piece.length > mine.length) socket.unshift(piece.subarray(mine.length));
    };
    const timer = setTimeout(done, PATIENCE_MS);
    if (socket.destroyed || socket.readableEnded) done();
    else socket.on('data', take).on('end', done).on('close', done).resume();
  });
}
