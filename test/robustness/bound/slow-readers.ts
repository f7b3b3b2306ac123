// Clients that ask for much and read nothing for as long as it takes to see where the bytes stay.
// Then they read: what they get must be whole and in order, so a bound kept by losing replies is no bound.
import { once } from 'node:events';
import net from 'node:net';
import { listen } from '../../support/listen.js';
import type { RawClient } from '../../support/raw-client.js';
import { command } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import { atMost, insist, type Scenario, TRAFFIC } from './scenario.js';
import { Digest, digestOf, open, openMany, send, sendTimes } from './sockets.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const SLOW = { timeoutMs: 120_000 };

/** How often the server has run a command. */
async function calls(control: RawClient, name: string): Promise<number> {
  const text = String(await control.call('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
}

const VALUE = Buffer.alloc(1024, 'v');
const VALUE_REPLY = Buffer.concat([Buffer.from('$1024\r\n'), VALUE, Buffer.from('\r\n')]);

const unreadGets: Scenario = {
  name: 'unread-gets',
  title: 'a client pipelines GETs of 1 KB and reads nothing until Redis has run them all',
  unit: 'GETs',
  ci: 100_000,
  full: 1_000_000,
  ...atMost('replies wait in Redis, as without a proxy: Spillway stops reading it at 64 KB', 0),
  async offend({ port, control }, size) {
    await control.call('SET', 'k', VALUE);
    const before = await calls(control, 'get');
    const socket = await open(port);
    await sendTimes(socket, command('GET', 'k'), size);
    await until(async () => (await calls(control, 'get')) >= before + size, SLOW);
    const due = new Digest().add(VALUE_REPLY, size);
    insist('the replies', await digestOf(socket, due.length), due.text());
    socket.destroy();
    return {};
  },
};

/**
 * The kernel takes a few megabytes for a client that reads nothing; only what it no longer takes can cost Spillway
 * anything. Most of that is filled at once, then small replies come one at a time, each in a turn of its own: what a
 * buffer each would cost shows only so.
 */
const BELOW_FULL = 160 * 1024;
const SINGLES = 4_000;
const TOKEN = 'x'.repeat(52);
const TOKEN_REPLY = `$52\r\n${TOKEN}\r\n`;

const manySmallReplies: Scenario = {
  name: 'many-small-replies',
  title: 'slow readers whose replies come one by one, each in a turn of its own',
  unit: 'clients',
  ci: 12,
  full: 100,
  ...atMost('of each client 64 KB and one read may wait, in one buffer of 64 KB', 256 * 1024),
  async offend({ port, control }, size) {
    await control.call('SET', 'k', VALUE);
    const fill = Math.floor(((await kernelTakes()) - BELOW_FULL) / VALUE_REPLY.length);
    const sockets = await openMany(port, size);
    await Promise.all(sockets.map((socket) => sendTimes(socket, command('GET', 'k'), fill)));
    await oneByOne(port, sockets, command('ECHO', TOKEN), SINGLES);
    const due = new Digest().add(VALUE_REPLY, fill).add(TOKEN_REPLY, SINGLES);
    await insistOnEach(sockets, due);
    return {};
  },
};

/** How much may be written to a client on loopback that reads nothing. */
async function kernelTakes(): Promise<number> {
  const server = net.createServer();
  const port = await listen(server);
  const accepted = once(server, 'connection');
  const reader = await open(port);
  const [writer] = (await accepted) as [net.Socket];
  let written = 0;
  while (writer.writableLength === 0) {
    writer.write(VALUE_REPLY);
    written += VALUE_REPLY.length;
    await new Promise(setImmediate);
  }
  reader.destroy();
  writer.destroy();
  server.close();
  return written;
}

/** Sends `request` on each so many times, and each time waits until somebody who asked later has been answered. */
async function oneByOne(
  port: number,
  sockets: readonly net.Socket[],
  request: Buffer,
  rounds: number,
): Promise<void> {
  const ticker = await open(port);
  for (let round = 0; round < rounds; round++) {
    for (const socket of sockets) socket.write(request);
    ticker.write('*1\r\n$4\r\nPING\r\n');
    insist('PING', await digestOf(ticker, 7), PONG);
  }
  ticker.destroy();
}

async function insistOnEach(sockets: readonly net.Socket[], due: Digest): Promise<void> {
  const text = due.text();
  await Promise.all(
    sockets.map(async (socket) => {
      insist('the replies', await digestOf(socket, due.length), text);
      socket.destroy();
    }),
  );
}

const PONG = new Digest().add('+PONG\r\n').text();

const REFUSED = [{ name: 'low', match: 'low:*', ttl: '1h', priority: 'low' }];
/** More than the kernel takes, less than Spillway keeps (16 MB). */
const REFUSALS_AT_ONCE = 100_000;
const CLIENTS_REFUSED = 10;

const unreadRefusals: Scenario = {
  name: 'unread-refusals',
  title: 'ten clients read none of the refusals that Spillway itself gives them, which then come one by one',
  unit: 'refusals one by one for each',
  ci: 3_500,
  full: 20_000,
  ...atMost(
    'Redis cannot keep what Spillway says itself: it waits here, up to 16 MB a client, and takes no more than it is',
    CLIENTS_REFUSED * OOM.length,
    TRAFFIC + CLIENTS_REFUSED * REFUSALS_AT_ONCE * OOM.length,
  ),
  config: { rules: REFUSED, memory: { shed: { low: ['0%', '0%'] } } },
  redisArgs: ['--maxmemory', '1gb', '--maxmemory-policy', 'noeviction'],
  async offend({ port, redis }, size) {
    const set = command('SET', 'low:1', 'x');
    // Straight at Redis nothing is refused: there it is that many small replies of its own.
    const reply = port === redis.port ? '+OK\r\n' : OOM;
    const sockets = await openMany(port, CLIENTS_REFUSED);
    await Promise.all(sockets.map((socket) => sendTimes(socket, set, REFUSALS_AT_ONCE)));
    await oneByOne(port, sockets, set, size);
    await insistOnEach(sockets, new Digest().add(reply, REFUSALS_AT_ONCE + size));
    return {};
  },
};

const MESSAGE = Buffer.alloc(1000, 'm');
const MESSAGE_FRAME = Buffer.concat([
  Buffer.from('*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1000\r\n'),
  MESSAGE,
  Buffer.from('\r\n'),
]);
const SUBSCRIBED = '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n';

async function subscribe(port: number): ReturnType<typeof open> {
  const socket = await open(port);
  await send(socket, command('SUBSCRIBE', 'c'));
  insist('SUBSCRIBE', await digestOf(socket, SUBSCRIBED.length), new Digest().add(SUBSCRIBED).text());
  return socket;
}

/** Commands in one pipeline of whoever feeds the slow reader. */
const AT_ONCE = 500;

async function publish(control: RawClient, times: number): Promise<void> {
  void control.write(Buffer.concat(Array<Buffer>(times).fill(command('PUBLISH', 'c', MESSAGE))));
  await control.readReplies(times);
}

const unreadMessages: Scenario = {
  name: 'unread-messages',
  title: 'subscribers that never read: Redis ends them at its client-output-buffer-limit',
  unit: 'subscribers',
  ci: 10,
  full: 100,
  ...atMost('of each subscriber 64 KB and one read may wait here, the rest in Redis', 256 * 1024),
  redisArgs: ['--client-output-buffer-limit', 'pubsub 4mb 1mb 60'],
  async offend({ port, control }, size) {
    const sockets = await Promise.all(Array.from({ length: size }, () => subscribe(port)));
    let published = 0;
    await until(async () => {
      await publish(control, AT_ONCE);
      published += AT_ONCE;
      return String(await control.call('PUBSUB', 'NUMSUB', 'c')).endsWith(':0\r\n');
    }, SLOW);
    // What had come is read up to the end, and it is a beginning of what was published.
    for (const socket of sockets) {
      const seen = new Digest();
      socket.on('data', (piece: Buffer) => seen.add(piece)).resume();
      await until(() => socket.destroyed || socket.readableEnded, SLOW);
      const [whole, part] = [
        Math.floor(seen.length / MESSAGE_FRAME.length),
        seen.length % MESSAGE_FRAME.length,
      ];
      const due = new Digest().add(MESSAGE_FRAME, whole).add(MESSAGE_FRAME.subarray(0, part));
      insist('the messages', seen.text(), due.text());
      insist('fewer of them than were published', whole < published, true);
      socket.destroy();
    }
    return { publishedUntilAllWereEnded: published };
  },
};

const slowSubscriber: Scenario = {
  name: 'slow-subscriber',
  title: 'a subscriber that reads only what was published a while ago, without a limit in Redis',
  unit: 'messages of 1 KB',
  ci: 80_000,
  full: 500_000,
  ...atMost('messages wait in Redis, as without a proxy', 0),
  redisArgs: ['--client-output-buffer-limit', 'pubsub 0 0 0'],
  async offend({ port, control }, size) {
    const socket = await subscribe(port);
    const rounds = 10;
    const each = size / rounds;
    const due = new Digest().add(MESSAGE_FRAME, each);
    const text = due.text();
    for (let round = 0; round < rounds; round++) {
      for (let sent = 0; sent < each; sent += AT_ONCE) await publish(control, AT_ONCE);
      if (round > 0) insist('the messages', await digestOf(socket, due.length), text);
    }
    insist('the last messages', await digestOf(socket, due.length), text);
    socket.destroy();
    return {};
  },
};

const slowMonitor: Scenario = {
  name: 'slow-monitor',
  title: 'a client in MONITOR that reads nothing while others are busy',
  unit: 'commands of others',
  ci: 60_000,
  full: 300_000,
  ...atMost('lines wait in Redis, as without a proxy', 0),
  redisArgs: ['--client-output-buffer-limit', 'replica 0 0 0'],
  async offend({ port, control }, size) {
    const socket = await open(port);
    await send(socket, command('MONITOR'));
    insist('MONITOR', await digestOf(socket, 5), new Digest().add('+OK\r\n').text());
    const echo = Buffer.concat(Array<Buffer>(AT_ONCE).fill(command('ECHO', VALUE)));
    for (let sent = 0; sent < size; sent += AT_ONCE) {
      void control.write(echo);
      await control.readExactly(AT_ONCE * VALUE_REPLY.length);
    }
    // Lines begin with the time and the sender's address, and others' are among them: ours are counted.
    const ending = ` "ECHO" "${VALUE}"`;
    let seen = 0;
    let rest = '';
    socket.on('data', (piece: Buffer) => {
      const lines = (rest + piece.toString('latin1')).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.endsWith(ending)) seen++;
    });
    socket.resume();
    await until(() => seen === size, { ...SLOW, describe: () => `${size} lines: ${seen}` });
    socket.destroy();
    return {};
  },
};

export const SLOW_READERS: readonly Scenario[] = [
  unreadGets,
  manySmallReplies,
  unreadRefusals,
  unreadMessages,
  slowSubscriber,
  slowMonitor,
];
