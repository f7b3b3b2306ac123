// BullMQ, Redlock and rate-limiter-flexible beside a cache that fills the server without an end: with evict on the cache they do
// what they do alone on a server of their own. Both kinds of pooling, one worker and two.
import { createRequire } from 'node:module';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import t, { type Test } from 'tap';
import { withIoredis } from '../support/ioredis.js';
import { POOLS } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const LIMIT = 100 * 1024 * 1024;
const PATIENCE = { timeoutMs: 60_000 };
const VALUE = 'x'.repeat(8000);
const [JOBS, LOCKS, LIMITS] = [100, 40, 20];

/** What is used here of redlock, which has no types. */
interface Lock {
  extend(ms: number): Promise<Lock>;
  unlock(): Promise<unknown>;
}
interface Locks {
  lock(resource: string, ms: number): Promise<Lock>;
}
const Redlock = createRequire(import.meta.url)('redlock') as new (
  clients: readonly Redis[],
  options: { retryCount: number },
) => Locks;

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.name : 'refused'),
  );

/** Uses the libraries on `port`, until `done` has resolved; returns what they said. */
async function play(t: Test, port: number, done: Promise<void>): Promise<Record<string, unknown>> {
  const client = () => {
    const redis = withIoredis(t, port, { maxRetriesPerRequest: null });
    return redis;
  };
  const numbered = (count: number) => Array.from({ length: count }, (_, n) => n);

  const locks = new Redlock([client()], { retryCount: 0 });
  const held = await Promise.all(numbered(LOCKS).map((n) => locks.lock(`lock:${n}`, 600_000)));
  const limiter = new RateLimiterRedis({
    storeClient: client(),
    keyPrefix: 'rate',
    points: 5,
    duration: 600,
  });
  const allowed = async () =>
    (await Promise.all(numbered(LIMITS).map((n) => outcome(limiter.consume(`user${n}`))))).filter(
      (said) => said === 'done',
    ).length;
  const before = [];
  for (let i = 0; i < 7; i++) before.push(await allowed());

  const queue = new Queue('mail', { connection: client() });
  const runs = numbered(JOBS).map(() => 0);
  const worker = new Worker(
    'mail',
    async ({ data, attemptsMade }: { data: { n: number }; attemptsMade: number }) => {
      runs[data.n]++;
      if (data.n % 10 === 0 && attemptsMade === 0) throw new Error('once more');
    },
    { connection: client(), concurrency: 4 },
  );
  t.teardown(() => Promise.all([queue.close(), worker.close()]));
  await queue.addBulk(
    numbered(JOBS).map((n) => ({ name: 'job', data: { n, text: 'j'.repeat(300) }, opts: { attempts: 3 } })),
  );
  await until(async () => (await queue.getJobCounts()).completed === JOBS, PATIENCE);

  await done;
  const counts = await queue.getJobCounts();
  const taken = await Promise.all(numbered(LOCKS).map((n) => outcome(locks.lock(`lock:${n}`, 1000))));
  const extended = await Promise.all(held.map((lock) => outcome(lock.extend(600_000))));
  const after = await allowed();
  const released = await Promise.all(held.map((lock) => outcome(lock.unlock())));
  return { before, after, runs, counts, taken, extended, released };
}

for (const [i, pool] of POOLS.entries()) {
  const workers = i + 1;
  t.test(`pool ${pool}, ${workers} workers: as alone on a server of their own`, async (t) => {
    const [alone, redis] = await Promise.all([
      withRedis(t),
      withRedis(t, ['--maxmemory', String(LIMIT), '--maxmemory-policy', 'noeviction']),
    ]);
    const proxy = await withProxyProcess(t, {
      config: {
        upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
        rules: [{ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true }],
        ...{ workers, memory: { reserve: 'off' } },
      },
    });
    const expected = await play(t, alone.port, Promise.resolve());

    const direct = await withRaw(t, redis.port, 60_000);
    const used = async () =>
      Number(/used_memory:(\d+)/.exec(String(await direct.call('INFO', 'memory')))?.[1]);
    const client = await withRaw(t, proxy.port, 60_000);
    let refused = 0;
    const write = async (bytes: number, from: number): Promise<void> => {
      for (let n = 0; n * VALUE.length < bytes; n += 50) {
        const sets = Array.from({ length: 50 }, (_, j) => command('SET', `cache:${from + n + j}`, VALUE));
        void client.write(Buffer.concat(sets));
        refused += (await client.readReplies(50)).filter((reply) => String(reply) !== '+OK\r\n').length;
        // Machines differ in how fast they write beside how fast they remove.
        await until(async () => (await used()) < 0.79 * LIMIT, PATIENCE);
      }
    };
    await write(LIMIT, 0);
    const found = await play(t, proxy.port, write(2 * LIMIT, 1_000_000));
    t.same(found, expected);
    t.same(
      found.before,
      [LIMITS, LIMITS, LIMITS, LIMITS, LIMITS, 0, 0],
      'so many of each limit, and no more',
    );
    t.equal(refused, 0, 'no cache write is refused');
    const [cache] = (await proxy.admin('/api/stats')).rules;
    t.ok((cache?.evictedBytes ?? 0) > 2 * LIMIT, `${cache?.evictedBytes} bytes went meanwhile`);
  });
}
