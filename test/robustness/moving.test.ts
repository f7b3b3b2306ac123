// Clients of every kind while the primary moves to and fro between two servers at any time, by planned moves that lose
// nothing. Every command with a reply was executed once, on the server that is the primary in the end; one without a reply at
// most once; of a transaction all or nothing. With both kinds of pooling, one process and workers.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { follow, here, withMoving } from '../support/moving-lab.js';
import { POOLS } from '../support/proxy.js';
import { seeded } from '../support/random.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

const ARGS = ['--repl-diskless-sync-delay', '0', '--save', ''];
const MOVES = 12;
const LARGE = Buffer.alloc(1024 * 1024, 'v');

/** What became of what one client sent. */
interface Fates {
  /** Keys whose INCR was answered, and those of which nobody knows. */
  readonly answered: string[];
  readonly unknown: string[];
}

async function offsets(look: RawClient): Promise<{ own: number; link: string }> {
  const info = String(await look.call('INFO', 'replication'));
  const own = Number(/^(?:slave_repl_offset|master_repl_offset):(\d+)/m.exec(info)?.[1]);
  return { own, link: /master_link_status:(\w+)/.exec(info)?.[1] ?? '' };
}

async function play(t: Test, pool: 'session' | 'command', workers: number): Promise<void> {
  const servers = [await withRedis(t, ARGS), await withRedis(t, ARGS)] as const;
  const looks = [await withRaw(t, servers[0].port), await withRaw(t, servers[1].port)] as const;
  await follow(servers[1], servers[0], looks[1]);
  const { port, service } = await withMoving(t, { redis: servers[0], pool, workers });
  const random = seeded(7);
  let over = false;
  const fates: Fates = { answered: [], unknown: [] };
  const wrong: string[] = [];
  let ends = 0;

  /** Again and again with a new client when the last one has ended. */
  const clients = async (play: (client: RawClient) => Promise<void>): Promise<void> => {
    while (!over) {
      const client = await withRaw(t, port, 30_000);
      try {
        while (!over) await play(client);
      } catch (error) {
        if (!/connection closed/.test((error as Error).message)) throw error;
        ends++;
      } finally {
        client.destroy();
      }
    }
  };
  let number = 0;
  const name = (kind: string): string => `${kind}:${number++}`;
  /** The reply to INCR of a key that nobody else uses. */
  const note = (key: string, reply: string): void => {
    if (reply === ':1\r\n') fates.answered.push(key);
    else if (reply.startsWith('-ERR spillway lost')) fates.unknown.push(key);
    else wrong.push(`${key}: ${reply}`);
  };
  const noted = async (keys: readonly string[], replies: () => Promise<readonly Buffer[]>): Promise<void> => {
    let told: readonly Buffer[];
    try {
      told = await replies();
    } catch (error) {
      fates.unknown.push(...keys);
      throw error;
    }
    for (const [i, key] of keys.entries()) note(key, String(told[i]));
  };
  const incr = (depth: number) => async (client: RawClient) => {
    const keys = Array.from({ length: depth }, () => name('incr'));
    void client.write(Buffer.concat(keys.map((key) => command('INCR', key))));
    await noted(keys, () => client.readReplies(depth));
  };
  const pairs: string[] = [];
  const transaction = async (client: RawClient): Promise<void> => {
    const key = name('tx');
    pairs.push(key);
    void client.write(command('MULTI'));
    await delay(random() * 3);
    void client.write(command('INCR', `${key}:a`));
    await delay(random() * 3);
    void client.write(Buffer.concat([command('INCR', `${key}:b`), command('EXEC')]));
    const replies = await client.readReplies(4);
    if (String(replies[3]) !== '*2\r\n:1\r\n:1\r\n' && !String(replies[3]).startsWith('-'))
      wrong.push(`${key}: ${replies.join(' ')}`);
  };
  const large = async (client: RawClient): Promise<void> => {
    const keys = [name('large'), name('large')];
    void client.write(
      Buffer.concat(keys.flatMap((key) => [command('SET', 'v', LARGE), command('INCR', key)])),
    );
    await noted(keys, async () => {
      const replies = await client.readReplies(4);
      return [replies[1], replies[3]];
    });
    await delay(20);
  };
  const reader = async (client: RawClient): Promise<void> => {
    const value = await client.call('GET', 'v');
    if (
      value.length !== 5 &&
      value.length !== LARGE.length + 12 &&
      !String(value).startsWith('-ERR spillway lost')
    )
      wrong.push(`GET: ${value.length} bytes`);
  };
  const blocked = async (client: RawClient): Promise<void> => {
    const key = name('list');
    const reply = String(await client.call('BLPOP', key, '0.02'));
    if (!/^(\*-1|-UNBLOCKED|-ERR spillway lost|-READONLY)/.test(reply)) wrong.push(`BLPOP: ${reply}`);
  };
  const watching = async (client: RawClient): Promise<void> => {
    const key = name('watch');
    await client.call('WATCH', key);
    await delay(random() * 5);
    void client.write(Buffer.concat([command('MULTI'), command('INCR', key), command('EXEC')]));
    const replies = await client.readReplies(3);
    if (String(replies[2]) !== '*1\r\n:1\r\n') wrong.push(`WATCH: ${replies.join(' ')}`);
  };
  const silent: string[] = [];
  const quiet = async (client: RawClient): Promise<void> => {
    const keys = [name('quiet'), name('quiet')];
    silent.push(...keys);
    void client.write(
      Buffer.concat([
        command('CLIENT', 'REPLY', 'OFF'),
        ...keys.map((key) => command('INCR', key)),
        command('CLIENT', 'REPLY', 'ON'),
      ]),
    );
    const [ok] = await client.readReplies(1);
    if (String(ok) !== '+OK\r\n') wrong.push(`CLIENT REPLY: ${ok}`);
  };
  const subscriber = async (client: RawClient): Promise<void> => {
    await client.call('SUBSCRIBE', 'c');
    await client.readUntilClosed();
    throw new Error('connection closed');
  };
  const playing = [
    ...[incr(1), incr(1), incr(1), incr(16), incr(200)],
    ...[transaction, transaction, large, reader, blocked, watching, quiet],
  ].map(clients);
  void clients(subscriber).catch(() => {});

  let primary = 0;
  for (let move = 0; move < MOVES; move++) {
    await delay(random() * 150);
    await service.pause();
    if (random() < 0.2) {
      // It was none.
      await delay(random() * 200);
      service.resume();
      continue;
    }
    const [from, to] = primary === 0 ? [0, 1] : [1, 0];
    // What has begun may go on for 100 ms; then all that was executed is to be on the other one.
    await delay(130);
    for (;;) {
      const [a, b] = [await offsets(looks[from]), await offsets(looks[to])];
      if (a.own === b.own && b.link === 'up') break;
    }
    await looks[to].call('REPLICAOF', 'NO', 'ONE');
    service.moved(here(servers[to]));
    service.resume();
    primary = to;
    await delay(random() * 30);
    await follow(servers[from], servers[to], looks[from]);
  }
  over = true;
  await Promise.all(playing);
  service.resume();

  const final = looks[primary];
  const countOf = async (key: string): Promise<number> => {
    const reply = String(await final.call('GET', key));
    return reply === '$-1\r\n' ? 0 : Number(reply.split('\r\n')[1]);
  };
  for (const key of fates.answered)
    if ((await countOf(key)) !== 1) wrong.push(`${key} was answered, and is gone`);
  for (const key of [...fates.unknown, ...silent])
    if ((await countOf(key)) > 1) wrong.push(`${key} was executed twice`);
  for (const key of pairs) {
    const [a, b] = [await countOf(`${key}:a`), await countOf(`${key}:b`)];
    if (a !== b || a > 1) wrong.push(`${key}: ${a} and ${b}`);
  }
  t.same(wrong, []);
  t.ok(fates.answered.length > 100, `${fates.answered.length} answered`);
  t.comment(
    `${fates.answered.length} answered, ${fates.unknown.length} unknown, ${pairs.length} transactions, ${ends} ends`,
  );
}

for (const pool of POOLS)
  for (const workers of [1, 2])
    t.test(`${pool} pooling, workers ${workers}`, { timeout: 120_000 }, (t) => play(t, pool, workers));
