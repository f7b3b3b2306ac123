// The open loop, in a process of its own: sends requests by a schedule, however long the replies take, and times each
// from when it was due. What the server or the proxy delays is so never taken off the load (no coordinated omission).
// Request i is due at the millisecond that i / rate falls into and goes to connection i mod connections; so both are
// known from i, and the replies of a connection, which come in order, need no queue.
// As lean as can be: commands are slices of one buffer, replies are only counted by their line ends.
import net from 'node:net';
import { Histogram } from '../../src/observe/stats/histogram.js';
import type { GeneratorMessage, GeneratorOptions } from './generator.js';

const LINE_END = 0x0a;
const ERROR = 0x2d;
const CONNECT_AT_A_TIME = 100;
/** Within which all replies must be there after the last request. */
const GRACE_MS = 30_000;
/** The histograms count in ten-thousandths of a millisecond: 1% of the shortest times is still seen. */
const UNITS_PER_MS = 10_000;

const options = JSON.parse(process.argv[2] ?? '') as GeneratorOptions;
const { port, connections, ratePerSecond, linesPerReply } = options;
const warmUp = Math.round(options.warmUpSeconds * ratePerSecond);
const total = warmUp + Math.round(options.seconds * ratePerSecond);
const halfway = warmUp + ((total - warmUp) >> 1);

const encoded = options.commands.map((args) =>
  Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`),
);
const times = new Histogram();
const lateness = new Histogram();
const lines = new Uint32Array(connections);
let sockets: net.Socket[] = [];
let start = 0;
let sent = 0;
let answered = 0;
let recordedUntil = 0;
let beginSaid = false;
let halfwaySaid = false;

function dueMs(request: number): number {
  return Math.floor((request * 1000) / ratePerSecond);
}

function sendDue(): void {
  const now = performance.now() - start;
  while (sent < total) {
    const due = dueMs(sent);
    if (due > now) break;
    if (sent >= warmUp) lateness.record((now - due) * UNITS_PER_MS);
    sockets[sent % connections]?.write(encoded[sent % encoded.length] as Buffer);
    sent++;
  }
  if (!beginSaid && sent >= warmUp) {
    beginSaid = true;
    say({ kind: 'begin' });
  }
  if (!halfwaySaid && sent >= halfway) {
    halfwaySaid = true;
    say({ kind: 'halfway' });
  }
  if (sent < total) setTimeout(sendDue, 1);
  else setTimeout(() => fail(`${total - answered} of ${total} replies did not come`), GRACE_MS).unref();
}

function read(connection: number, chunk: Buffer): void {
  const now = performance.now() - start;
  let seen = lines[connection] as number;
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i];
    if (byte === ERROR) fail(`an error reply: ${chunk.subarray(i, i + 200).toString('latin1')}`);
    if (byte !== LINE_END) continue;
    seen++;
    if (seen % linesPerReply !== 0) continue;
    const request = (seen / linesPerReply - 1) * connections + connection;
    if (request >= warmUp) times.record((now - dueMs(request)) * UNITS_PER_MS);
    answered++;
  }
  lines[connection] = seen;
  if (answered !== total) return;
  recordedUntil = now;
  finish();
}

function finish(): void {
  const milliseconds = (histogram: Histogram, share: number): number =>
    histogram.quantile(share) / UNITS_PER_MS;
  const seconds = (recordedUntil - dueMs(warmUp)) / 1000;
  say({
    kind: 'end',
    figures: {
      requests: times.count,
      achievedPerSecond: times.count / seconds,
      p50: milliseconds(times, 0.5),
      p90: milliseconds(times, 0.9),
      p99: milliseconds(times, 0.99),
      p999: milliseconds(times, 0.999),
      max: times.max / UNITS_PER_MS,
      sentLateP50: milliseconds(lateness, 0.5),
    },
  });
  for (const socket of sockets) socket.resetAndDestroy();
  process.disconnect();
}

function connect(connection: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.on('data', (chunk: Buffer) => read(connection, chunk));
      socket.on('end', () => fail('the server ended a connection'));
      resolve(socket);
    });
  });
}

async function connectAll(): Promise<void> {
  for (let i = 0; i < connections; i += CONNECT_AT_A_TIME) {
    const some = Array.from({ length: Math.min(CONNECT_AT_A_TIME, connections - i) }, (_, k) => i + k);
    sockets = [...sockets, ...(await Promise.all(some.map(connect)))];
  }
}

function say(message: GeneratorMessage): void {
  process.send?.(message);
}

function fail(reason: string): never {
  console.error(`generator: ${reason}`);
  process.exit(1);
}

process.on('disconnect', () => process.exit(answered === total ? 0 : 1));
await connectAll();
start = performance.now();
sendDue();
