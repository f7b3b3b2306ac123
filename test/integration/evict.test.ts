// Making room, as users run it: caches are written without an end, and memory stays near memory.evict.start; nothing is
// refused, and no key goes that no rule with evict has. Real servers and processes, both kinds of pooling, one worker and two.
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import type { RuleStats } from '../../src/observe/stats/snapshot.js';
import type { AskAdmin } from '../support/ask-admin.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { type ProxyProcess, withProxyProcess } from '../support/proxy-process.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const MB = 1024 * 1024;
const LIMIT = 100 * MB;
const PATIENCE = { timeoutMs: 60_000 };
const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true },
  { name: 'orders', match: 'order:*', durable: true, priority: 'high' },
];
const VALUE = 'x'.repeat(8000);

interface Asked {
  readonly admin: AskAdmin;
}
const memoryOf = (proxy: Asked) => proxy.admin('/api/memory');
const ruleOf = async (proxy: Asked) => (await proxy.admin('/api/stats')).rules[0] as RuleStats;

async function pipeline(client: RawClient, commands: readonly (string | number)[][]): Promise<string[]> {
  void client.write(Buffer.concat(commands.map((words) => command(...words))));
  return (await client.readReplies(commands.length)).map(String);
}

const number = async (client: RawClient, ...words: string[]): Promise<number> =>
  Number(String(await client.call(...words)).slice(1));
const used = async (client: RawClient): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(String(await client.call('INFO', 'memory')))?.[1]);

/** Keys that nobody may evict: without a rule, and with one that has no evict. */
async function keepsakes(client: RawClient): Promise<void> {
  const commands = Array.from({ length: 500 }, (_, i) => [
    ['SET', `lock:${i}`, '1', 'EX', 600],
    ['RPUSH', `order:${i}`, VALUE],
  ]);
  await pipeline(client, commands.flat());
}

async function withServer(t: Test, ...args: string[]): Promise<{ redis: RedisProcess; direct: RawClient }> {
  const redis = await withRedis(t, ['--maxmemory', String(LIMIT), ...args]);
  return { redis, direct: await withRaw(t, redis.port, 60_000) };
}

async function withProcess(
  t: Test,
  redis: RedisProcess,
  config: Record<string, unknown> = {},
): Promise<ProxyProcess> {
  const proxy = await withProxyProcess(t, {
    config: {
      rules: RULES,
      ...config,
      upstream: { url: `redis://127.0.0.1:${redis.port}`, ...(config.upstream as object) },
    },
  });
  return proxy;
}

/** Writes caches until `bytes` have been written; returns how many writes were refused, and the most memory seen. */
async function flood(
  clients: readonly RawClient[],
  direct: RawClient,
  bytes: number,
  /** Above this share of the limit the writers wait. */
  holdUntil = 1,
): Promise<{ refused: number; most: number }> {
  let [written, refused, most, now] = [0, 0, 0, 0];
  const writer = async (client: RawClient, n: number): Promise<void> => {
    for (let i = 0; written < bytes; i += 50) {
      written += 50 * VALUE.length;
      const sets = Array.from({ length: 50 }, (_, j) => ['SET', `cache:${n}:${i + j}`, VALUE]);
      refused += (await pipeline(client, sets)).filter((reply) => reply.startsWith('-OOM')).length;
      // Machines differ in how fast they write beside how fast they remove.
      await until(() => holdUntil === 1 || written >= bytes || now < holdUntil * LIMIT, PATIENCE);
    }
  };
  const watch = (async () => {
    while (written < bytes) {
      now = await used(direct);
      most = Math.max(most, now);
    }
  })();
  await Promise.all([...clients.map(writer), watch]);
  return { refused, most };
}

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    // npm test plays each pool and each number once.
    if (!FULL && (pool === 'session') === (workers === 1)) continue;
    t.test(`pool ${pool}, ${workers} workers: caches without an end, and all else stays`, async (t) => {
      const policy = workers === 1 ? 'noeviction' : 'volatile-lru';
      const { redis, direct } = await withServer(t, '--maxmemory-policy', policy);
      const proxy = await withProcess(t, redis, { workers, upstream: { pool }, memory: { reserve: 'off' } });
      const clients = [];
      for (let i = 0; i < 4; i++) clients.push(await withRaw(t, proxy.port, 60_000));
      await keepsakes(clients[0] as RawClient);
      const { refused, most } = await flood(clients, direct, 2 * LIMIT, 0.785);
      t.equal(refused, 0, 'no write is refused');
      t.ok(most < LIMIT, `at most ${((100 * most) / LIMIT).toFixed(1)}% of the limit`);
      t.equal(await number(direct, 'EVAL', "return #redis.call('KEYS', 'lock:*')", '0'), 500);
      t.equal(await number(direct, 'EVAL', "return #redis.call('KEYS', 'order:*')", '0'), 500);
      await until(async () => (await used(direct)) < 0.785 * LIMIT, PATIENCE);
      const rule = await until(async () => {
        const { eviction } = await memoryOf(proxy);
        const row = await ruleOf(proxy);
        return eviction?.active === false && row.evicted > 0 && row;
      }, PATIENCE);
      const left = await number(direct, 'EVAL', "return #redis.call('KEYS', 'cache:*')", '0');
      t.equal(rule.evicted, rule.writes - left, 'each key that is gone was counted, once');
      t.ok(rule.evictedBytes > LIMIT, `${rule.evictedBytes} bytes`);
      t.match((await memoryOf(proxy)).eviction, { holding: true, trouble: null, byAgeAlone: false });
      // The oldest went: of each writer's keys those that are left are the last ones.
      for (let n = 0; n < 4; n++) {
        const first = await number(direct, 'EXISTS', `cache:${n}:0`);
        t.equal(first, 0, 'the first one went');
      }
    });
  }
}

for (const [i, pool] of POOLS.entries()) {
  t.test(`pool ${pool}, ${i + 1} workers: while a drain waits for transactions, room is made`, async (t) => {
    const { redis, direct } = await withServer(t);
    const proxy = await withProcess(t, redis, {
      ...{ workers: i + 1, upstream: { pool }, memory: { reserve: 'off' }, limits: { drainTimeout: '60s' } },
    });
    const client = await withRaw(t, proxy.port, 60_000);
    await flood([client], direct, 0.85 * LIMIT, 0.785);
    t.equal(String(await client.call('MULTI')), '+OK\r\n');
    proxy.signal('SIGTERM');
    await until(async () => {
      const late = await connectRaw(proxy.port).catch((error: NodeJS.ErrnoException) => error);
      if (!(late instanceof Error)) late.destroy();
      return late instanceof Error;
    }, PATIENCE);
    const queued = 0.25 * (LIMIT / VALUE.length);
    let refused = 0;
    for (let n = 0; n < queued; n += 50) {
      const sets = Array.from({ length: 50 }, (_, j) => ['SET', `cache:late:${n + j}`, VALUE]);
      refused += (await pipeline(client, sets)).filter((reply) => reply !== '+QUEUED\r\n').length;
      await until(async () => (await used(direct)) < 0.785 * LIMIT, PATIENCE);
    }
    t.equal(refused, 0);
    t.match(String(await client.call('EXEC')), /^\*\d+\r\n/);
    t.match(await proxy.exited, { code: 0 });
  });
}

t.test('one process: observe, reload, keys from before the start, faults', async (t) => {
  const { redis, direct } = await withServer(t);
  await direct.call('ACL', 'SETUSER', 'weak', 'reset', 'on', '>pass', '~*', '&*', '+@all', '-unlink');
  const fill = async (share: number, prefix: string): Promise<void> => {
    const client = await withRaw(t, redis.port, 60_000);
    for (let i = 0; (await used(direct)) < share * LIMIT; i += 100) {
      await pipeline(
        client,
        Array.from({ length: 100 }, (_, j) => ['SET', `${prefix}:${i + j}`, VALUE, 'EX', 3600]),
      );
    }
  };

  t.test('SCAN finds keys from before the start; keys without a rule stay', async (t) => {
    await direct.call('FLUSHALL');
    await fill(0.3, 'other');
    await fill(0.85, 'cache');
    const others = await number(direct, 'EVAL', "return #redis.call('KEYS', 'other:*')", '0');
    const proxy = await withProxy(t, { redis, config: { rules: RULES, workers: 1 } });
    await until(async () => (await used(direct)) <= 0.77 * LIMIT, PATIENCE);
    t.equal(await number(direct, 'EVAL', "return #redis.call('KEYS', 'other:*')", '0'), others);
    await until(async () => (await ruleOf(proxy)).evicted > 0, PATIENCE);
    const clients = String(await direct.call('CLIENT', 'LIST'));
    for (const [, id = ''] of clients.matchAll(/id=(\d+) [^\n]*name=spillway-evictor/g))
      await direct.call('CLIENT', 'KILL', 'ID', id);
    const trouble = async () => (await memoryOf(proxy)).eviction?.trouble;
    await until(async () => (await trouble()) !== null, PATIENCE);
    await until(async () => (await trouble()) === null, PATIENCE);
  });

  t.test(
    'evict by a reload while memory is full: room is made at once, and then nothing is refused',
    async (t) => {
      await direct.call('FLUSHALL');
      await fill(0.3, 'other');
      await fill(0.95, 'cache');
      const others = await number(direct, 'EVAL', "return #redis.call('KEYS', 'other:*')", '0');
      let evict = false;
      const rules = () => [{ ...RULES[0], evict }];
      const proxy = await withProxy(t, {
        redis,
        config: { rules: rules(), workers: 1, memory: { reserve: 'off' } },
        reloaded: () => ({ rules: rules() }),
      });
      const client = await withRaw(t, proxy.port, 60_000);
      const set = async (i: number) => String(await client.call('SET', `cache:new:${i}`, VALUE));
      t.match(await set(0), /^-OOM/);
      evict = true;
      t.match(await proxy.running.reload('SIGHUP'), { ok: true });
      await until(async () => (await set(0)) === '+OK\r\n', PATIENCE);
      // As Spillway reads it: the server's own figure may be ahead of that.
      await until(async () => ((await memoryOf(proxy)).usedBytes ?? LIMIT) <= 0.77 * LIMIT, PATIENCE);
      let refused = 0;
      for (let i = 1; i < 300; i++) if ((await set(i)) !== '+OK\r\n') refused++;
      t.equal(refused, 0);
      await until(async () => (await used(direct)) < 0.785 * LIMIT, PATIENCE);
      t.equal(await number(direct, 'EVAL', "return #redis.call('KEYS', 'other:*')", '0'), others);
    },
  );

  t.test(
    'observe counts what Spillway would remove; after a reload to enforce, Spillway removes it',
    async (t) => {
      await direct.call('FLUSHALL');
      let mode = 'observe';
      const rules = () => [{ ...RULES[0], mode }];
      const proxy = await withProxy(t, {
        redis,
        config: { rules: rules(), workers: 1, memory: { shedWhen: 'never' } },
        reloaded: () => ({ rules: rules() }),
      });
      const client = await withRaw(t, proxy.port, 60_000);
      await flood([client], direct, 0.8 * LIMIT);
      await until(async () => (await ruleOf(proxy)).wouldEvict > 0, PATIENCE);
      const before = await ruleOf(proxy);
      t.equal(await number(direct, 'DBSIZE'), before.writes);
      t.equal(before.evicted, 0);
      t.match((await memoryOf(proxy)).eviction, { phase: 'observing', evictableBytes: 0 });
      t.ok(before.wouldEvictBytes < 0.3 * LIMIT, `${before.wouldEvictBytes} bytes would have gone`);
      mode = 'enforce';
      t.match(await proxy.running.reload('SIGHUP'), { ok: true });
      await until(async () => (await used(direct)) <= 0.77 * LIMIT, PATIENCE);
      await until(async () => (await ruleOf(proxy)).evicted > 0, PATIENCE);
      await until(async () => (await memoryOf(proxy)).eviction?.phase === 'waiting', PATIENCE);
      await direct.call('CONFIG', 'SET', 'maxmemory', '0');
      await until(async () => (await memoryOf(proxy)).eviction?.phase === 'unknown', PATIENCE);
      await direct.call('CONFIG', 'SET', 'maxmemory', String(LIMIT));
    },
  );

  t.test(
    'if the user may not UNLINK, /readyz and /api/memory say so, and writes are refused as without evict',
    async (t) => {
      await direct.call('FLUSHALL');
      const proxy = await withProxy(t, {
        redis,
        config: {
          rules: RULES,
          workers: 1,
          upstream: { url: `redis://weak:pass@127.0.0.1:${redis.port}` },
          memory: { reserve: 'off' },
        },
      });
      const { reasons } = await until(async () => {
        const ready = (await proxy.admin('/readyz')) as { ready: boolean; reasons: string[] };
        return ready.reasons.length > 0 && ready;
      }, PATIENCE);
      t.match(reasons, [/evict: .*may not run UNLINK.*\+unlink \+object/]);
      const client = await withRaw(t, proxy.port, 60_000);
      const { refused } = await flood([client], direct, LIMIT);
      t.ok(refused > 0, 'low priority is refused from its band on');
      t.match((await memoryOf(proxy)).eviction, { phase: 'unable', holding: false, trouble: /UNLINK/ });
      await direct.call('ACL', 'SETUSER', 'weak', '+unlink');
      await until(async () => (await used(direct)) <= 0.77 * LIMIT, PATIENCE);
      await until(
        async () => ((await proxy.admin('/readyz')) as { reasons: string[] }).reasons.length === 0,
        PATIENCE,
      );
    },
  );
});
