// Keys that no ring knows, found by SCAN on a real server: those that come before the rings' keys go first, others do not, and
// where all are known nobody looks again and again.
import t, { type Test } from 'tap';
import { Priority, type Rule } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ScanSource } from '../../src/evict/scan-source.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MB = 1024 * 1024;
const LIMIT = 100 * MB;
const PATIENCE = { timeoutMs: 60_000 };

const rule = (slot: number, glob: string, priority: Priority): Rule => ({
  ...{ slot, name: glob, globs: [Buffer.from(glob)], ttlMs: 0, maxTtlMs: 0, jitter: 0, durable: false },
  ...{ priority, observe: false, applyToAll: false, renew: false, refusesScripts: false, scriptTtl: false },
  evict: true,
});
const RULES = new RuleSet({
  rules: [rule(1, 'page:*', Priority.LOW), rule(2, 'part:*', Priority.NORMAL)],
  unregistered: { priority: Priority.NORMAL, observe: false },
});

/** Keys of the server's own making, as if used last so long ago, or so often. */
const RESTORE = `redis.call('SET', 'of', string.rep('x', ARGV[2])) local d = redis.call('DUMP', 'of') redis.call('DEL', 'of')
  for i = 1, tonumber(ARGV[1]) do redis.call('RESTORE', ARGV[3] .. i, 0, d, ARGV[4], ARGV[5]) end`;
const restore = (client: RawClient, keys: number, bytes: number, prefix: string, how: string, much: number) =>
  client.call('EVAL', RESTORE, 0, keys, bytes, prefix, how, much);
const number = async (client: RawClient, ...words: string[]): Promise<number> =>
  Number(String(await client.call(...words)).slice(1));
const infoOf = async (client: RawClient, section: string, field: RegExp): Promise<number> =>
  Number(field.exec(String(await client.call('INFO', section)))?.[1] ?? 0);

t.test('one server', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', String(LIMIT)]);
  const direct = await withRaw(t, redis.port, 60_000);
  t.beforeEach(async () => {
    await direct.call('FLUSHALL');
    await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  });

  /** A source with a clock that jumps: `walk` goes on until `done`. */
  const withSource = (t: Test, clock?: () => number) => {
    const time = { now: 0 };
    const source = new ScanSource({
      endpoint: () => ({ host: '127.0.0.1', port: redis.port, connectTimeoutMs: 1000 }),
      clock: clock ?? (() => time.now + performance.now()),
      rules: () => RULES,
      knows: () => false,
      onFound: () => {},
    });
    t.teardown(() => source.close());
    const walk = (done: () => boolean | Promise<boolean>) =>
      until(async () => {
        time.now += 25;
        source.walkOn();
        return await done();
      }, PATIENCE);
    const namesOf = (most: number) => source.take(most, 1e9).map(({ key }) => String(key));
    return { source, walk, time, namesOf };
  };
  const scans = () => infoOf(direct, 'commandstats', /cmdstat_scan:calls=(\d+)/);

  t.test('SCAN gives keys that are older than the oldest of the rings, and no younger ones', async (t) => {
    await restore(direct, 300, 50, 'page:old', 'IDLETIME', 900);
    await restore(direct, 3000, 50, 'page:new', 'IDLETIME', 10);
    await restore(direct, 300, 50, 'part:old', 'IDLETIME', 900);
    const { source, walk, namesOf } = withSource(t);
    const mark = { priority: Priority.LOW, ageMs: 100_000, dropped: 0 };
    await walk(() => source.seek(mark) === 300);
    const names = namesOf(1000);
    t.equal(names.length, 300);
    t.ok(names.every((name) => name.startsWith('page:old')));
    t.ok(source.seek(undefined) > 0, 'the others are at hand once the rings have none');
  });

  t.test('once it is known that keys are small, as many are handed out as fit', async (t) => {
    await restore(direct, 300, 50, 'page:', 'IDLETIME', 900);
    const { source, walk } = withSource(t);
    await walk(() => source.seek(undefined) === 300);
    const few = source.take(64, 64 * 100);
    t.equal(few.length, 6, 'their sizes are unknown');
    for (let i = 0; i < 500; i++) source.learn(1, 100);
    t.equal(source.take(64, 64 * 100).length, 64);
  });

  t.test('SCAN gives keys of a lower priority than all that the rings have, however young', async (t) => {
    await restore(direct, 200, 50, 'page:', 'IDLETIME', 1);
    await restore(direct, 200, 50, 'part:', 'IDLETIME', 1);
    const { source, walk, namesOf } = withSource(t);
    await walk(() => source.seek({ priority: Priority.NORMAL, ageMs: 50_000, dropped: 0 }) === 200);
    t.ok(namesOf(1000).every((name) => name.startsWith('page:')));
  });

  t.test('under an lfu policy, the age of a key is the minutes that its count has lost', async (t) => {
    await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    await restore(direct, 100, 50, 'page:cold', 'FREQ', 1);
    await restore(direct, 100, 50, 'page:warm', 'FREQ', 5);
    const { source, walk, namesOf } = withSource(t);
    await walk(() => source.seek({ priority: Priority.LOW, ageMs: 100_000, dropped: 0 }) === 100);
    t.ok(namesOf(1000).every((name) => name.startsWith('page:cold')));
  });

  t.test(
    'if SCAN finds nothing older than the rings, it looks again later, and sooner if they forget keys',
    async (t) => {
      await restore(direct, 600, 50, 'page:', 'IDLETIME', 1);
      const { source, walk, time } = withSource(t);
      const seek = (dropped: number) => source.seek({ priority: Priority.LOW, ageMs: 100_000, dropped });
      /** How many pages are asked for from now on, until there have been none for long. */
      const pages = async (dropped: number): Promise<number> => {
        const before = await scans();
        let [last, still] = [before, 0];
        await walk(async () => {
          seek(dropped);
          const now = await scans();
          still = now === last ? still + 1 : 0;
          last = now;
          return still === 100;
        });
        return last - before;
      };
      t.ok((await pages(0)) > 0, 'it walks');
      t.equal(await pages(0), 0, 'and not again');
      time.now += 60_000;
      t.equal(await pages(0), 0, 'nor a minute later');
      t.ok((await pages(5)) > 0, 'but then, once keys were forgotten');
      time.now += 600_000;
      t.ok((await pages(5)) > 0, 'and after ten minutes');
    },
  );

  t.test(
    'when memory is well above the start, SCAN asks for page after page while they have keys to be removed',
    async (t) => {
      await restore(direct, 5000, 50, 'page:', 'IDLETIME', 900);
      const { source } = withSource(t, () => 0);
      source.walkOn();
      await until(() => source.seek(undefined) > 0, PATIENCE);
      const one = source.seek(undefined);
      source.walkOn();
      source.walkOn(true);
      await until(() => source.seek(undefined) > 2048, PATIENCE);
      t.ok(one < 1000, `${one} keys in the first page`);
      await direct.call('FLUSHALL');
      await restore(direct, 5000, 50, 'lock:', 'IDLETIME', 900);
      const before = await scans();
      const others = withSource(t, () => 0).source;
      others.walkOn(true);
      await until(async () => (await scans()) > before, PATIENCE);
      // A page that came would have been followed by another one before this one is answered.
      for (let i = 0; i < 5; i++) await direct.call('PING');
      t.equal(await scans(), before + 1, 'they are not worth it where there are none');
    },
  );

  t.test('behind a proxy, keys from before its start are removed before those that it writes', async (t) => {
    await restore(direct, 8000, 8000, 'cache:old:', 'IDLETIME', 3600);
    const proxy = await withProxy(t, {
      redis,
      config: {
        rules: [{ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true }],
        ...{ workers: 1, memory: { reserve: 'off' } },
      },
    });
    const client = await withRaw(t, proxy.port, 60_000);
    const used = () => infoOf(direct, 'memory', /used_memory:(\d+)/);
    const written = 3500;
    let refused = 0;
    for (let i = 0; i < written; i += 50) {
      const sets = Array.from({ length: 50 }, (_, j) =>
        command('SET', `cache:new:${i + j}`, 'x'.repeat(8000)),
      );
      void client.write(Buffer.concat(sets));
      refused += (await client.readReplies(50)).filter((reply) => String(reply) !== '+OK\r\n').length;
      await until(async () => (await used()) < 0.79 * LIMIT, PATIENCE);
    }
    t.equal(refused, 0);
    const left = await number(direct, 'EVAL', "return #redis.call('KEYS', 'cache:new:*')", '0');
    const old = await number(direct, 'EVAL', "return #redis.call('KEYS', 'cache:old:*')", '0');
    t.ok(old < 7500, `${old} of 8,000 old keys are left`);
    t.ok(left > 0.8 * written, `${left} of ${written} new keys are there`);
  });

  for (const [i, pool] of POOLS.entries()) {
    t.test(
      `pool ${pool}: jobs fill all; caches that no ring knows go to the last before low is refused`,
      async (t) => {
        await restore(direct, 9000, 8000, 'cache:old:', 'IDLETIME', 3600);
        const proxy = await withProxy(t, {
          redis,
          config: {
            rules: [
              { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true },
              { name: 'notes', match: 'note:*', ttl: '1h', priority: 'low' },
              { name: 'jobs', match: 'job:*', durable: true, priority: 'critical' },
            ],
            ...{ workers: i + 1, upstream: { pool }, memory: { evict: { keys: '64kb' } } },
          },
        });
        const { eviction } = await proxy.admin('/api/memory');
        t.ok(
          (eviction?.evictableBytes ?? 0) > 0.4 * LIMIT,
          'what can go is known before the first client comes',
        );
        const client = await withRaw(t, proxy.port, 60_000);
        const used = () => infoOf(direct, 'memory', /used_memory:(\d+)/);
        const value = 'x'.repeat(8000);
        const push = async (words: (n: number) => string[], count: number): Promise<string[]> => {
          void client.write(Buffer.concat(Array.from({ length: count }, (_, n) => command(...words(n)))));
          return (await client.readReplies(count)).map(String);
        };
        let [refused, jobs] = [0, 0];
        while (refused === 0 && jobs * value.length < 0.85 * LIMIT) {
          const pushed = await push((n) => ['RPUSH', `job:${(jobs + n) % 100}`, value], 100);
          t.notOk(
            pushed.find((reply) => reply.startsWith('-')),
            'jobs are never refused',
          );
          jobs += 100;
          const noted = await push((n) => ['SET', `note:${jobs + n}`, value, 'EX', '3600'], 4);
          refused += noted.filter((reply) => reply.startsWith('-')).length;
          // Machines differ in how fast they write beside how fast they remove.
          const left = await number(direct, 'EVAL', "return #redis.call('KEYS', 'cache:*')", '0');
          if (left > 0) await until(async () => (await used()) < 0.785 * LIMIT, PATIENCE);
        }
        const left = await number(direct, 'EVAL', "return #redis.call('KEYS', 'cache:*')", '0');
        t.ok(refused > 0, `low is refused once there are ${jobs} jobs`);
        t.ok(left < 1800, `${left} of 9,000 caches are left then`);
      },
    );
  }
});
