// Clients that send a number of commands at once, wait for all replies, and begin again; each such request is noted.
import net from 'node:net';
import type { Request } from './stages.js';

export interface SendersOptions {
  readonly port: number;
  readonly connections: number;
  readonly pipeline: number;
  /** One command, encoded, and how many bytes its reply has. */
  readonly command: Buffer;
  readonly replyBytes: number;
  readonly seconds: number;
}

/** Milliseconds of the clock that the processes of a machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** @throws Error when a connection ends before its time. */
export async function send(options: SendersOptions): Promise<Request[]> {
  const requests: Request[] = [];
  const until = now() + options.seconds * 1000;
  await Promise.all(Array.from({ length: options.connections }, () => oneSender(options, until, requests)));
  return requests;
}

function oneSender(
  { port, pipeline, command, replyBytes }: SendersOptions,
  until: number,
  requests: Request[],
): Promise<void> {
  const bytes = Buffer.concat(Array<Buffer>(pipeline).fill(command));
  return new Promise((resolve, reject) => {
    let awaited = 0;
    let sentAt = 0;
    const next = (): void => {
      sentAt = now();
      awaited = pipeline * replyBytes;
      socket.write(bytes);
    };
    const buffer = Buffer.alloc(256 * 1024);
    const take = (length: number): boolean => {
      awaited -= length;
      if (awaited > 0) return true;
      const doneAt = now();
      requests.push({ port: socket.localPort ?? 0, sentAt, doneAt });
      if (doneAt < until) next();
      else socket.end();
      return true;
    };
    const socket = net.connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer, callback: take },
    });
    socket.once('connect', next);
    socket.once('error', reject);
    socket.once('close', () => {
      if (awaited <= 0) resolve();
      else reject(new Error('a connection ended while it was owed replies'));
    });
  });
}
