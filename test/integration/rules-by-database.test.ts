// Rules by database and user on a real server: caches in one database and queues in another, users with ACLs, keys that change
// their database, several workers, and the tools. Both kinds of pooling.
import { spawnSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import t from 'tap';
import { withIoredis } from '../support/ioredis.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const HOUR = 3_600_000;
const RULES = [
  { name: 'cache', db: 1, ttl: '1h', applyTo: 'all' },
  { name: 'app', user: 'app', match: 'app:*', ttl: '2h' },
  { name: 'two', db: 2, match: 'k*', ttl: '3h' },
  { name: 'rest', match: ['app:*', 'laravel_database_*', 'k*'], durable: true },
];

/** Whole hours, 0: none. */
async function hours(redis: Redis, db: number, key: string): Promise<number> {
  await redis.select(db);
  const left = await redis.pttl(key);
  return left < 0 ? 0 : Math.round(left / HOUR);
}

for (const pool of POOLS) {
  t.test(`rules apply by the database and the user of the client: ${pool} pooling`, async (t) => {
    const server = await withRedis(t);
    const direct = withIoredis(t, server.port);
    await direct.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all');
    const config = { rules: RULES, upstream: { pool }, workers: 2 };
    const proxy = await withProxy(t, { redis: server, config });
    const connect = (options: object) => {
      const client = withIoredis(t, proxy.port, options);
      return client;
    };

    await t.test('a cache in one database, queues in another', async (t) => {
      const [queue, cache] = [connect({ db: 0 }), connect({ db: 1 })];
      await queue.rpush('laravel_database_queues:default', 'job');
      await cache.set('laravel_database_laravel_cache_:users', 'v');
      await cache.hset('laravel_database_h', 'f', 'v');
      t.equal(await hours(direct, 0, 'laravel_database_queues:default'), 0);
      t.equal(await hours(direct, 1, 'laravel_database_laravel_cache_:users'), 1);
      t.equal(await hours(direct, 1, 'laravel_database_h'), 1);
      const stats = await proxy.admin('/api/stats');
      t.match(stats.rules, [{ name: 'cache', writes: 2 }, {}, {}, { name: 'rest', writes: 1 }]);
    });

    await t.test('SELECT in a pipeline and in a transaction', async (t) => {
      const client = connect({});
      await client
        .pipeline()
        .select(1)
        .set('k1', 'v')
        .select(2)
        .set('k2', 'v')
        .select(0)
        .set('k3', 'v')
        .exec();
      await client.multi().set('k4', 'v').select(2).set('k5', 'v').exec();
      await client.set('k6', 'v');
      await client.multi({ pipeline: false });
      await client.select(1);
      await client.discard();
      await client.set('k7', 'v');
      const found = [];
      for (const [db, key] of [
        ...([
          [1, 'k1'],
          [2, 'k2'],
          [0, 'k3'],
          [0, 'k4'],
          [2, 'k5'],
          [2, 'k6'],
          [2, 'k7'],
        ] as const),
      ])
        found.push(await hours(direct, db, key));
      t.same(found, [1, 3, 0, 0, 3, 3, 3]);
    });

    await t.test('users: at the login, in the middle, and one that fails', async (t) => {
      const app = connect({ username: 'app', password: 'secret' });
      await app.set('app:1', 'v');
      const client = connect({});
      await client.set('app:2', 'v');
      await client.auth('app', 'secret');
      await client.set('app:3', 'v');
      const failing = connect({});
      const results = await Promise.allSettled([failing.auth('app', 'wrong'), failing.set('app:4', 'v')]);
      t.same(
        results.map(({ status }) => status),
        ['rejected', 'fulfilled'],
      );
      const found = [];
      for (const key of ['app:1', 'app:2', 'app:3', 'app:4']) found.push(await hours(direct, 0, key));
      t.same(found, [2, 0, 2, 0]);
    });

    await t.test(
      'a key that is moved or copied to another database gets the TTL of the rule there',
      async (t) => {
        const client = connect({ db: 1 });
        await client.set('k:m', 'v');
        await client.set('k:c', 'v');
        await client.set('k:d', 'v');
        await client.move('k:m', 2);
        await client.call('COPY', 'k:c', 'k:c', 'DB', '2');
        await client.move('k:d', 0);
        t.equal(await client.get('k:m'), null);
        t.equal(await hours(direct, 2, 'k:m'), 3);
        t.equal(await hours(direct, 2, 'k:c'), 3);
        t.equal(await hours(direct, 1, 'k:c'), 1);
        t.equal(await hours(direct, 0, 'k:d'), 0, 'durable there');
        await client.call('SWAPDB', '1', '3');
        await client.set('k:new', 'v');
        t.equal(await hours(direct, 1, 'k:new'), 1);
      },
    );

    await t.test('keys without a rule are named with their database', async (t) => {
      const client = connect({});
      await client.pipeline().select(4).set('visit:1', 'v').select(5).set('page:1', 'v').exec();
      // A SELECT in a transaction, and one that the server refuses.
      await client.multi().set('page:2', 'v').select(4).set('visit:2', 'v').exec();
      await client.select(99).catch(() => {});
      await client.set('visit:3', 'v');
      const seen = async () => {
        const found = JSON.parse(String(await client.call('PROXY', 'PREFIXES', 'JSON'))) as {
          [field: string]: unknown;
        }[];
        return found.map(({ pattern, db, writes }) => `${pattern} ${db} ${writes}`).sort();
      };
      await until(async () => (await seen()).length === 2 && (await seen())[1]?.endsWith('3'));
      t.same(await seen(), ['page:* 5 2', 'visit:* 4 3']);
      t.match(JSON.stringify(await client.call('PROXY', 'PREFIXES')), /visit:\* \(db 4\)/);
    });

    await t.test('PROXY EXPLAIN', async (t) => {
      const client = connect({});
      t.match(JSON.stringify(await client.call('PROXY', 'EXPLAIN', 'DB', '1', 'k')), /cache, number/);
      t.match(JSON.stringify(await client.call('PROXY', 'EXPLAIN', 'k')), /rest, number/);
      t.match(await proxy.admin('/api/explain?key=app:1&user=app'), { keys: [{ rule: { name: 'app' } }] });
    });
  });
}

t.test('analyze and sweep go by the database, and pass over rules by user', async (t) => {
  const server = await withRedis(t);
  const redis = withIoredis(t, server.port);
  await redis.pipeline().set('k', 'v').set('app:1', 'v').select(1).set('k', 'v').set('x', 'v').exec();
  const config = JSON.stringify({ rules: RULES });
  const dir = t.testdir({ 'c.json': config });
  const run = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [
        'dist/cli/main.js',
        ...args,
        '--config',
        `${dir}/c.json`,
        '--upstream',
        `redis://127.0.0.1:${server.port}`,
      ],
      { encoding: 'utf8' },
    );
  const analyzed = JSON.parse(run('analyze', '--json').stdout) as {
    groups: { name: string; db: number | null; keys: { estimate: number } }[];
  };
  t.match(
    Object.fromEntries(analyzed.groups.map(({ name, db, keys }) => [name, [db, keys.estimate]])),
    { cache: [1, 2], rest: [0, 1] },
    analyzed.groups.map(({ name }) => name).join(' '),
  );
  const swept = run('sweep', '--apply', '--journal', `${dir}/journal`);
  t.match(`${swept.stdout}${swept.stderr}`, /keys that rules with "user" match get no TTL/);
  t.equal(await hours(redis, 1, 'k'), 1);
  t.equal(await hours(redis, 0, 'k'), 0);
  t.equal(await hours(redis, 0, 'app:1'), 0);
});
