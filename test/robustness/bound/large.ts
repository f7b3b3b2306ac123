// Values and arrays as large as Redis takes them: they pass through, and none of it stays.
import type { Socket } from 'node:net';
import { command } from '../../support/raw-client.js';
import { integer } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import { MB } from './proc.js';
import { atMost, insist, type Place, type Scenario } from './scenario.js';
import { Digest, digestOf, open, send, sendTimes } from './sockets.js';

const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];
const CHUNK = Buffer.alloc(MB, 'v');
const HOUR_MS = 3_600_000;
/** The TTL may have run for this long already. */
const TTL_SLACK_MS = 120_000;

/** Sends a command whose argument in the middle has `megabytes`. */
async function sendLarge(socket: Socket, head: string, megabytes: number, tail: string): Promise<void> {
  await send(socket, `${head}$${megabytes * MB}\r\n`);
  await sendTimes(socket, CHUNK, megabytes);
  await send(socket, `\r\n${tail}`);
}

async function expect(socket: Socket, what: string, reply: string): Promise<void> {
  insist(what, await digestOf(socket, reply.length), new Digest().add(reply).text());
}

async function insistOnTtl({ control, port, redis }: Place, key: string, dueMs: number): Promise<void> {
  const ttl = await integer(control, 'PTTL', key);
  // Straight at a server nobody gives it one.
  if (port === redis.port) return;
  insist(`PTTL ${key}: ${ttl}`, ttl > dueMs - TTL_SLACK_MS && ttl <= dueMs, true);
}

const WAYS: readonly (readonly [what: string, head: string, tail: string, reply: string, ttlMs: number])[] = [
  ['a TTL injected', '*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n', '', '+OK\r\n', HOUR_MS],
  [
    'an expiry behind the value, clamped',
    '*5\r\n$3\r\nSET\r\n$3\r\nbig\r\n',
    '$2\r\nEX\r\n$6\r\n999999\r\n',
    '+OK\r\n',
    2 * HOUR_MS,
  ],
  ['a follow-up', '*3\r\n$6\r\nGETSET\r\n$3\r\nbig\r\n', '', '$-1\r\n', HOUR_MS],
];

const largeValue: Scenario = {
  name: 'large-value',
  title: 'a value is set in three ways, each with a TTL given on its way, and read',
  unit: 'MB (512 is the most that Redis takes)',
  ci: 96,
  full: 512,
  ...atMost('a large argument passes as it comes', 0),
  config: { rules: RULES },
  async offend(place, size) {
    const { control, port } = place;
    const socket = await open(port);
    for (const [what, head, tail, reply, ttlMs] of WAYS) {
      await control.call('FLUSHALL');
      await sendLarge(socket, head, size, tail);
      await expect(socket, what, reply);
      await insistOnTtl(place, 'big', ttlMs);
      insist('STRLEN', await integer(control, 'STRLEN', 'big'), size * MB);
    }
    await send(socket, Buffer.concat([command('GET', 'big'), command('PING')]));
    const due = new Digest()
      .add(`$${size * MB}\r\n`)
      .add(CHUNK, size)
      .add('\r\n+PONG\r\n');
    insist('GET', await digestOf(socket, due.length), due.text());
    socket.destroy();
    return {};
  },
};

/** Bulks `from` … `to - 1`, a thousand at a time. */
async function sendNumbers(
  socket: Socket,
  from: number,
  to: number,
  bulks: (n: number) => string,
): Promise<void> {
  for (let at = from; at < to; at += 1000) {
    let text = '';
    for (let n = at; n < Math.min(to, at + 1000); n++) text += bulks(n);
    await send(socket, Buffer.from(text, 'latin1'));
  }
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

const manyArguments: Scenario = {
  name: 'many-arguments',
  title: 'RPUSH, MSET and DEL with very many arguments, with TTLs to be given',
  unit: 'arguments',
  ci: 100_000,
  full: 1_000_000,
  ...atMost('of a command that streams only the keys of an MSET are noted, at most 100,000', 64),
  config: { rules: RULES },
  async offend(place, size) {
    const { control, port } = place;
    const socket = await open(port);
    await send(socket, `*${size + 2}\r\n${bulk('RPUSH')}${bulk('list')}`);
    await sendNumbers(socket, 0, size, (n) => bulk(`e${n}`));
    await expect(socket, 'RPUSH', `:${size}\r\n`);
    await insistOnTtl(place, 'list', HOUR_MS);
    const pairs = size / 2;
    await send(socket, `*${size + 1}\r\n${bulk('MSET')}`);
    await sendNumbers(socket, 0, pairs, (n) => bulk(`k${n}`) + bulk('v'));
    await expect(socket, 'MSET', '+OK\r\n');
    await insistOnTtl(place, 'k0', HOUR_MS);
    insist('DBSIZE', await integer(control, 'DBSIZE'), pairs + 1);
    await send(socket, `*${pairs + 1}\r\n${bulk('DEL')}`);
    await sendNumbers(socket, 0, pairs, (n) => bulk(`k${n}`));
    await expect(socket, 'DEL', `:${pairs}\r\n`);
    insist('DBSIZE', await integer(control, 'DBSIZE'), 1);
    socket.destroy();
    return {};
  },
};

const KEY_BYTES = 15 * 1024;

const largeKeys: Scenario = {
  name: 'large-keys',
  title: 'one MSET of very many keys of 15 KB, each to be given a TTL',
  unit: 'keys',
  ci: 6_000,
  full: 50_000,
  ...atMost('of a command that streams at most 1 MB of keys is noted; the rest gets no follow-up', 0),
  config: { rules: RULES },
  async offend({ port, control }, size) {
    const socket = await open(port);
    await send(socket, `*${2 * size + 1}\r\n${bulk('MSET')}`);
    const padding = 'k'.repeat(KEY_BYTES - 8);
    for (let n = 0; n < size; n++) {
      await send(socket, bulk(padding + String(n).padStart(8, '0')) + bulk('v'));
    }
    await expect(socket, 'MSET', '+OK\r\n');
    insist('DBSIZE', await integer(control, 'DBSIZE'), size);
    socket.destroy();
    return {};
  },
};

const FILL = `
for i = ARGV[1] + 1, ARGV[1] + ARGV[2] do
  redis.call('RPUSH', 'list', i)
  redis.call('ZADD', 'zset', i, i)
  redis.call('HSET', 'hash', i, i)
end`;
const FILLED_AT_ONCE = 10_000;
const NESTED = `
local deep = {}
for i = 1, ARGV[1] do deep[i] = {i, {tostring(i), {}}} end
return deep`;

const manyElements: Scenario = {
  name: 'many-elements',
  title: 'replies of very many elements: a list, and in RESP3 a map, pairs with doubles, nested arrays',
  unit: 'elements',
  ci: 100_000,
  full: 1_000_000,
  ...atMost('of an aggregate only the number of elements still to come is kept', 0),
  // The script that makes the nested reply may take long: nobody is to be told so.
  redisArgs: ['--lua-time-limit', '0'],
  async offend({ port, redis, control }, size) {
    for (let filled = 0; filled < size; filled += FILLED_AT_ONCE) {
      await control.call('EVAL', FILL, '0', filled, FILLED_AT_ONCE);
    }
    const asked = Buffer.concat([
      command('LRANGE', 'list', '0', '-1'),
      command('HGETALL', 'hash'),
      command('ZRANGE', 'zset', '0', '-1', 'WITHSCORES'),
      command('EVAL', NESTED, '0', size),
      command('QUIT'),
    ]);
    for (const protocol of ['2', '3']) {
      const due = await transcriptDigest(redis.port, protocol, asked);
      insist(`RESP${protocol}`, await transcriptDigest(port, protocol, asked), due);
    }
    return {};
  },
};

/** The digest of everything that comes up to the end, but for HELLO's reply, in which every connection has its id. */
async function transcriptDigest(port: number, protocol: string, asked: Buffer): Promise<string> {
  const socket = await open(port);
  await send(socket, Buffer.concat([command('HELLO', protocol), command('PING')]));
  await readThrough(socket, '+PONG\r\n');
  const digest = new Digest();
  socket.on('data', (piece: Buffer) => digest.add(piece));
  await send(socket, asked);
  socket.resume();
  await until(() => socket.readableEnded || socket.destroyed, { timeoutMs: 120_000 });
  socket.destroy();
  return digest.text();
}

function readThrough(socket: Socket, last: string): Promise<void> {
  let text = '';
  return new Promise((resolve) => {
    const take = (piece: Buffer): void => {
      text += piece.toString('latin1');
      if (!text.endsWith(last)) return;
      socket.off('data', take).pause();
      resolve();
    };
    socket.on('data', take).resume();
  });
}

export const LARGE: readonly Scenario[] = [largeValue, manyArguments, largeKeys, manyElements];
