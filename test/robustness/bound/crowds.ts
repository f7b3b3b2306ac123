// Clients that each do next to nothing, and cost by their number: idle, coming and going, stopped in mid-command.
import { setTimeout as delay } from 'node:timers/promises';
import type { Figure } from '../../support/figures.js';
import { command } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import { descriptorLimit, resident } from './proc.js';
import { atMost, insist, type Place, type Scenario, TRAFFIC } from './scenario.js';
import { Digest, digestOf, open, openMany, send } from './sockets.js';

const KB = 1024;
/** What a connection costs, by itself and with its upstream one: about 11 KB of ten thousand. */
const CLIENT = 16 * KB;
const PONG = '+PONG\r\n';
const PING = command('PING');

async function ask(socket: Awaited<ReturnType<typeof open>>, bytes: Buffer, reply: string): Promise<void> {
  await send(socket, bytes);
  insist('the reply', await digestOf(socket, reply.length), new Digest().add(reply).text());
}

/** Each client takes two descriptors of the proxy, and some are needed besides. */
function mostClients(pid: number | 'self'): number {
  return Math.floor((descriptorLimit(pid) - 200) / 2);
}

const idle: Scenario = {
  name: 'idle-connections',
  title: 'clients that said PING once and stay connected',
  unit: 'clients',
  ci: 1_000,
  full: 10_000,
  ...atMost('two sockets of Node and the state of a session', CLIENT),
  async offend(place, wanted) {
    const size = Math.min(wanted, mostClients(place.pid), mostClients('self') * 2);
    const before = resident(place.pid);
    const sockets = await openMany(place.port, size);
    await Promise.all(sockets.map((socket) => ask(socket, PING, PONG)));
    const each = (resident(place.pid) - before) / size;
    for (const socket of sockets) socket.destroy();
    return { clients: size, bytesEach: Math.round(each) };
  },
};

const AT_ONCE = 50;

const connects: Scenario = {
  name: 'connects',
  title: 'clients that connect, ask PING once and leave, fifty at a time',
  unit: 'connections',
  ci: 2_000,
  full: 50_000,
  ...atMost('what is over may lie about until V8 collects it', 0),
  async offend({ port }, size) {
    let begun = 0;
    const startedAt = performance.now();
    const comeAndGo = async (): Promise<void> => {
      while (begun < size) {
        begun++;
        const socket = await open(port);
        await ask(socket, PING, PONG);
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, comeAndGo));
    const seconds = (performance.now() - startedAt) / 1000;
    return { connections: size, aSecond: Math.round(size / seconds) };
  },
};

/** Commands whose arguments are pairs of `k` and `v`, however many, and what Redis answers. */
const REPLIES = { MSET: '+OK\r\n', SADD: ':0\r\n' } as const;
const PAIR = Buffer.from('$1\r\nk\r\n$1\r\nv\r\n');

/** As many bytes of such a command, which lacks its last pair. None of its arguments is large. */
function unfinished(name: keyof typeof REPLIES, bytes: number): Buffer {
  const pairs = Math.floor((bytes - 32) / PAIR.length);
  const head = Buffer.from(`*${2 * (pairs + 1) + 1}\r\n$4\r\n${name}\r\n`);
  return Buffer.concat([head, ...Array<Buffer>(pairs).fill(PAIR)]);
}

/** All stop in mid-command; once their bytes are with the proxy they go on, and all must be answered. */
async function stopAndGoOn(
  { port, control }: Place,
  size: number,
  name: keyof typeof REPLIES,
  bytes: number,
): Promise<Record<string, Figure>> {
  // Nobody adds anything to this set any more.
  if (name === 'SADD') await control.call('SADD', 'k', 'k', 'v');
  const sockets = await openMany(port, size);
  const begun = unfinished(name, bytes);
  for (const socket of sockets) await ask(socket, PING, PONG);
  await Promise.all(sockets.map((socket) => send(socket, begun)));
  // Whoever comes now is served behind all that has been sent: so the proxy has seen it.
  const witness = await open(port);
  for (let round = 0; round < 50; round++) await ask(witness, PING, PONG);
  await Promise.all(sockets.map((socket) => ask(socket, PAIR, REPLIES[name])));
  for (const socket of [...sockets, witness]) socket.destroy();
  return { clients: size, bytesSentEach: begun.length };
}

const halfCommands: Scenario = {
  name: 'half-commands',
  title: 'clients that stop in the middle of a command',
  unit: 'clients',
  ci: 500,
  full: 5_000,
  ...atMost('a connection, and the few bytes in a buffer of 2 KB', CLIENT + 4 * KB),
  offend: (place, size) => stopAndGoOn(place, size, 'MSET', 100),
};

const heldMaximum: Scenario = {
  name: 'held-maximum',
  title: 'clients that stop in a command of many small arguments just before Spillway lets it stream',
  unit: 'clients',
  ci: 200,
  full: 1_000,
  ...atMost(
    '64 KB are held of each, in a buffer of up to twice that, and eight bytes for each of ten thousand arguments',
    256 * KB + CLIENT,
  ),
  offend: (place, size) => stopAndGoOn(place, size, 'MSET', 63 * KB),
};

const beyondHeld: Scenario = {
  name: 'beyond-held',
  title: 'clients that stop in such a command far behind that point',
  unit: 'clients',
  ci: 60,
  full: 500,
  ...atMost(
    'from 64 KB on it streams: Redis has all but the last, cut argument; two reads of 64 KB wait for their turn',
    384 * KB + CLIENT,
  ),
  offend: (place, size) => stopAndGoOn(place, size, 'SADD', 1000 * KB),
};

const notedKeys: Scenario = {
  name: 'noted-keys',
  title: 'the same with an MSET, whose keys are noted as they pass, up to its end',
  unit: 'clients',
  ci: 30,
  full: 200,
  ...atMost('keys noted of one command take at most 1 MB, beside what is held', (1024 + 128) * KB + CLIENT),
  offend: (place, size) => stopAndGoOn(place, size, 'MSET', 1000 * KB),
};

const heldLookahead: Scenario = {
  name: 'held-lookahead',
  title: 'the same with a write that may be shed, just below limits.lookahead',
  unit: 'clients',
  ci: 20,
  full: 200,
  ...atMost(
    'limits.lookahead (1 MB) is held of each, in a buffer of up to twice that; eight bytes an argument, which is as ' +
      'much again; and what both have grown out of, until V8 collects it',
    8 * 1024 * KB + CLIENT,
  ),
  config: {
    rules: [
      { name: 'low', match: 'l*', ttl: '1h', priority: 'low' },
      { name: 'rest', match: '*', durable: true, priority: 'critical' },
    ],
    memory: { shed: { low: ['0%', '0%'] } },
  },
  redisArgs: ['--maxmemory', '16gb', '--maxmemory-policy', 'noeviction'],
  offend: (place, size) => stopAndGoOn(place, size, 'MSET', 1000 * KB),
};

const onceLarge: Scenario = {
  name: 'once-large',
  title: 'clients that one after another sent one command of ten thousand arguments, and stay',
  unit: 'clients',
  ci: 500,
  full: 2_000,
  ...atMost('a connection each: what the command took is given back', CLIENT),
  async offend(place, size) {
    await place.control.call('SADD', 'k', 'k', 'v');
    const whole = Buffer.concat([unfinished('SADD', 63 * KB), PAIR]);
    const before = resident(place.pid);
    const sockets = await openMany(place.port, size);
    for (const socket of sockets) await ask(socket, whole, REPLIES.SADD);
    const each = (resident(place.pid) - before) / size;
    for (const socket of sockets) socket.destroy();
    return { clients: size, bytesEach: Math.round(each) };
  },
};

const dribble: Scenario = {
  name: 'dribble',
  title: 'twenty clients that send their commands byte by byte, each byte once the kernel has taken the last',
  unit: 'commands of each',
  ci: 20,
  full: 500,
  ...atMost('a command of a few bytes each', 0),
  async offend({ port }, size) {
    const value = 'x'.repeat(30);
    const bytes = Buffer.concat([command('SET', 'dribbled', value), command('GET', 'dribbled')]);
    const sockets = await openMany(port, 20);
    const due = new Digest().add(`+OK\r\n$30\r\n${value}\r\n`, size);
    const text = due.text();
    await Promise.all(
      sockets.map(async (socket) => {
        for (let round = 0; round < size; round++) {
          for (const byte of bytes) {
            await new Promise((taken) => socket.write(Buffer.of(byte), taken));
          }
        }
        insist('the replies', await digestOf(socket, due.length), text);
        socket.destroy();
      }),
    );
    return {};
  },
};

const byteASecond: Scenario = {
  name: 'byte-a-second',
  title: 'a hundred clients that send one byte a second',
  unit: 'bytes, that is seconds',
  ci: 0,
  full: 20,
  ...atMost('a connection each', 0, TRAFFIC + 100 * CLIENT),
  async offend({ port }, size) {
    const bytes = command('ECHO', 'x'.repeat(20));
    const sockets = await openMany(port, 100);
    for (const byte of bytes.subarray(0, size)) {
      for (const socket of sockets) socket.write(Buffer.of(byte));
      await delay(1000);
    }
    const reply = `$20\r\n${'x'.repeat(20)}\r\n`;
    await Promise.all(sockets.map((socket) => ask(socket, bytes.subarray(size), reply)));
    await until(() => sockets.every((socket) => !socket.destroyed));
    for (const socket of sockets) socket.destroy();
    return {};
  },
};

export const CROWDS: readonly Scenario[] = [
  idle,
  connects,
  halfCommands,
  heldMaximum,
  beyondHeld,
  notedKeys,
  heldLookahead,
  onceLarge,
  dribble,
  byteASecond,
];
