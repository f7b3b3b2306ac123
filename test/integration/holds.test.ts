// Who holds the memory, on a real server, and what passes while other writes are refused: locks and rate limits, until what stands
// of them is too much. With both kinds of pooling, and with two workers.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { startProxy } from '../../src/runtime/proxy.js';
import type { Explanation } from '../../src/surfaces/explain/types.js';
import { POOLS } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { WHOLE } from '../support/tier.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-of-this-test';
const MB = 1024 * 1024;
const LIMIT = 128 * MB;
const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' },
  { name: 'jobs', match: 'jobs:*', durable: true, priority: 'high' },
];
const OOM = /^-OOM/;
/** `whole`: only in the rest. */
const VARIANTS = [
  ...POOLS.map((pool, i) => ({ pool, workers: 1, whole: i > 0 })),
  { pool: 'session', workers: 2, whole: true },
];

async function running(t: Test, redis: { port: number }, pool: string, workers: number) {
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
    memory: { pollInterval: '20ms', reserve: 'off' },
    ...{ rules: RULES, workers },
  });
  const proxy = await startProxy(compileConfig(config, { adminToken: TOKEN }), pino({ level: 'silent' }));
  t.teardown(() => proxy.stop(0));
  const get = async <T>(path: string, body?: object): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${proxy.adminAddress?.port}${path}`, {
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (response.status !== 200) t.fail(`${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  return { port: proxy.address.port, get };
}

async function answers(client: RawClient, commands: readonly Buffer[]): Promise<string[]> {
  const replies: string[] = [];
  for (let i = 0; i < commands.length; i += 500) {
    const some = commands.slice(i, i + 500);
    void client.write(Buffer.concat(some));
    replies.push(...(await client.readReplies(some.length)).map(String));
  }
  return replies;
}

const refused = (replies: readonly string[]) => replies.filter((reply) => OOM.test(reply)).length;

/** How many bytes the server says that these keys hold. */
async function truth(direct: RawClient, keys: readonly string[]): Promise<number> {
  const replies = await answers(
    direct,
    keys.map((key) => command('MEMORY', 'USAGE', key)),
  );
  return replies.reduce((sum, reply) => sum + Number(reply.slice(1)), 0);
}

for (const { pool, workers, whole } of VARIANTS) {
  t.test(`${pool} pooling, workers: ${workers}`, whole ? WHOLE : {}, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', String(LIMIT), '--save', '']);
    const { port, get } = await running(t, redis, pool, workers);
    const client = await withRaw(t, port);
    const other = await withRaw(t, port);
    const direct = await withRaw(t, redis.port);

    await t.test('stats say how much memory the keys of each rule hold', async (t) => {
      const names = (prefix: string, count: number) =>
        Array.from({ length: count }, (_, i) => `${prefix}:${i}`);
      const [caches, users] = [names('cache', 4000), names('user', 2000)];
      await answers(
        client,
        caches.map((key) => command('SET', key, 'x'.repeat(400))),
      );
      await answers(
        direct,
        users.map((key) => command('SET', key, 'x'.repeat(800))),
      );
      const element = 'x'.repeat(4000);
      await answers(
        client,
        Array.from({ length: 1500 }, () => command('LPUSH', 'jobs:queue', element)),
      );
      const truths = [
        await truth(direct, caches),
        await truth(direct, ['jobs:queue']),
        await truth(direct, users),
      ];
      let said = '';
      // Samples that came while keys were written still tell of fewer.
      const { cache, unregistered, holds } = await until(
        async () => {
          const { rules, unregistered, holds } = await get<StatsSnapshot>('/api/stats');
          const all = [rules[0]?.holds, rules[1]?.holds, unregistered.holds];
          said = JSON.stringify({ all, truths });
          const [cache, jobs, users] = all;
          if (!cache || !jobs || !users || !holds || holds.samples < 80 || jobs.largeKeys !== 1) return;
          const near = all.every((held, i) => {
            const bytes = truths[i] ?? 0;
            return held && Math.abs(held.bytes - bytes) <= 2 * held.errorBytes + 0.02 * bytes;
          });
          return near && { cache, unregistered, holds };
        },
        { timeoutMs: 60_000, describe: () => `estimates that are right: ${said}` },
      );
      t.ok(cache.errorBytes < 0.5 * cache.bytes, 'the error is not all there is to say');
      t.equal(cache.expiringBytes, cache.bytes, 'all of these have a TTL');
      t.equal(unregistered.holds?.expiringBytes, 0, 'none of these has');
      t.equal(holds.method, 'sampled');
      t.same(
        holds.patterns.map(({ pattern }) => pattern),
        ['user:*'],
        'keys that nobody wrote through the proxy, too',
      );
      t.ok((holds.unaccountedBytes ?? 0) < LIMIT / 4);
    });

    await t.test('locks and rate limits pass while all is refused', async (t) => {
      await get('/api/simulate', { pressure: 0.995, seconds: 600 });
      const big = () => command('SET', 'lock:big', 'x'.repeat(2000), 'EX', 30);
      await until(async () => refused(await answers(client, [big()])) === 1);
      const some: Buffer[] = [];
      for (let i = 0; i < 500; i++) {
        some.push(command('SET', `lock:${i}`, 'token', 'NX', 'EX', 30));
        some.push(command('INCR', `rate:${i % 50}`), command('EXPIRE', `rate:${i % 50}`, 60));
      }
      const replies = await answers(client, some);
      t.equal(refused(replies), 0);
      t.equal(replies.filter((reply) => reply === '+OK\r\n').length, 500, 'each lock was taken');
      t.equal(replies.filter((reply) => reply === ':10\r\n').length, 50, 'each rate limit counted to ten');
      t.equal(
        refused(await answers(client, [command('SET', 'other', 'x'), command('HSET', 'h', 'f', 'v')])),
        2,
      );
      const { unregistered } = await get<StatsSnapshot>('/api/stats');
      t.equal(unregistered.sparedBy.brief, 1000, 'what passed is counted');
      const explained = await get<Explanation>(
        `/api/explain?key=lock:new&command=${encodeURIComponent('SET NX EX 30')}`,
      );
      t.match(explained, {
        now: { shed: false, refused: null },
        keys: [{ shed: { now: false, spared: { reason: 'brief' } } }],
      });
    });

    await t.test('locks and rate limits pass until they hold 1% of the limit', async (t) => {
      const used = async () => (await get<MemorySnapshot>('/api/memory')).usedBytes ?? 0;
      const before = await used();
      const value = 'x'.repeat(900);
      const locks = (from: number) =>
        Array.from({ length: 3000 }, (_, i) => command('SET', `fill:${from + i}`, value, 'NX', 'EX', 60));
      const all = await Promise.all([answers(client, locks(0)), answers(other, locks(3000))]);
      const passed = all.flat().filter((reply) => reply === '+OK\r\n').length;
      t.ok(passed > 100, `${passed} passed`);
      t.ok(refused(all.flat()) > 3000, `${refused(all.flat())} were refused`);
      await until(async () => (await get<MemorySnapshot>('/api/memory')).readingAgeMs !== null);
      const filled = (await used()) - before;
      t.ok(filled < 0.02 * LIMIT, `they took ${filled} bytes`);
      const { briefBytes, briefMostBytes } = await get<MemorySnapshot>('/api/memory');
      t.equal(briefMostBytes, Math.round(LIMIT / 100));
      t.ok(briefBytes > 0 && briefBytes <= 2 * briefMostBytes, `${briefBytes} stand`);
    });

    await t.test('a server that evicts keys with a TTL: what leaves one passes', async (t) => {
      const memory = () => get<MemorySnapshot>('/api/memory');
      await answers(direct, [command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')]);
      await answers(
        direct,
        Array.from({ length: 10_000 }, (_, i) => command('SET', `old:${i}`, 'x'.repeat(1000), 'EX', 3600)),
      );
      await get('/api/simulate', { pressure: 0.97, seconds: 600 });
      await until(async () => (await memory()).sparesExpiring, { timeoutMs: 20_000 });
      const large = 'x'.repeat(2000);
      const passes = [
        command('SET', 'new:1', large, 'EX', 3600),
        command('SET', 'cache:new', large),
        command('HSET', 'new:h', 'f', large),
        command('SET', 'new:2', large),
      ];
      const replies = await answers(client, passes);
      t.same(
        replies.map((reply) => OOM.test(reply)),
        [false, false, true, true],
      );
      const { rules } = await get<StatsSnapshot>('/api/stats');
      t.equal(rules[0]?.sparedBy.expiring, 1, "by its rule's TTL");
      const query = `key=cache:new&command=${encodeURIComponent(`SET cache:new ${large}`)}`;
      const explained = await get<Explanation>(`/api/explain?${query}`);
      t.match(explained, {
        keys: [{ shed: { spared: { reason: 'expiring' }, why: /can evict keys with a TTL/ } }],
      });
      await answers(direct, [command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')]);
      await until(
        async () => refused(await answers(client, [command('SET', 'new:1', large, 'EX', 3600)])) === 1,
      );
    });
  });
}
