// memory.proxies "auto": proxies on one Redis know how many they are, also with workers; without the right they act as if alone.
import t, { type Test } from 'tap';
import { withIoredis } from '../support/ioredis.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const counted = async (proxy: TestProxy): Promise<number> => (await proxy.admin('/api/memory')).proxies;

function counts(proxy: TestProxy, wanted: number): Promise<unknown> {
  return until(async () => (await counted(proxy)) === wanted, {
    timeoutMs: 20_000,
    describe: `${wanted} proxies to be counted`,
  });
}

function start(t: Test, port: number, workers: number, url?: string): Promise<TestProxy> {
  const config = { workers, memory: { proxies: 'auto' }, ...(url && { upstream: { url } }) };
  return withProxy(t, { redis: { port }, config });
}

t.test('proxies are counted as they come and go', { timeout: 90_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const one = await start(t, redis.port, 1);
  await counts(one, 1);
  const two = await start(t, redis.port, 2);
  await Promise.all([counts(one, 2), counts(two, 2)]);

  const direct = withIoredis(t, redis.port);
  await direct.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(async () => (await direct.pubsub('NUMSUB', '__spillway__:here'))[1] === 2, {
    timeoutMs: 20_000,
    describe: 'both to be back',
  });
  await Promise.all([counts(one, 2), counts(two, 2)]);
  await two.running.stop(0);
  await counts(one, 1);

  await direct.call(
    'ACL',
    'SETUSER',
    'watch',
    'on',
    '>secret',
    '+info',
    '+command',
    '+ping',
    '+client',
    '+hello',
  );
  const denied = await start(t, redis.port, 1, `redis://watch:secret@127.0.0.1:${redis.port}`);
  const log = async () => ((await direct.call('ACL', 'LOG')) as unknown[]).length;
  await until(async () => (await log()) > 0, { timeoutMs: 20_000, describe: 'the right to be missing' });
  t.equal(await counted(denied), 1);
});
