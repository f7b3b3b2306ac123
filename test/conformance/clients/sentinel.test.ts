// Clients that ask Sentinel where their Redis is: through a proxy in front of the Sentinel, which passes what Sentinel
// says; and Sentinel as a client itself, watching a Redis through the proxy and giving the proxy's address away.
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import t, { type Test } from 'tap';
import { type Figure, keepFigures } from '../../support/figures.js';
import { withProxy } from '../../support/proxy.js';
import { withRedis } from '../../support/redis.js';
import { SENTINEL_PRIMARY as MASTER, withSentinel } from '../../support/sentinel.js';

const results: Figure[] = [];

/** What two client libraries see when they find their master by the Sentinel at `port`. */
async function asClientsSee(t: Test, port: number): Promise<unknown> {
  const address = { host: '127.0.0.1', port };
  const client = new Redis({ sentinels: [address], name: MASTER, role: 'master' });
  t.teardown(() => client.disconnect());
  const seen: unknown[] = [
    await client.set('a', '1', 'EX', 100),
    await client.get('a'),
    (await client.role())[0],
  ];
  const asked = new Redis({ ...address, enableReadyCheck: false });
  t.teardown(() => asked.disconnect());
  seen.push(await asked.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER), await asked.call('ROLE'));
  seen.push(await asked.call('SENTINEL', 'REPLICAS', MASTER), /redis_mode:\w+/.exec(await asked.info())?.[0]);
  const channels = await asked.psubscribe('*');
  const sentinel = createSentinel({ name: MASTER, sentinelRootNodes: [address] });
  sentinel.on('error', () => {});
  await sentinel.connect();
  seen.push(channels, await sentinel.incr('a'), await sentinel.get('a'));
  await sentinel.close();
  return seen;
}

async function kept(t: Test, name: string, note: string, play: (t: Test) => Promise<void>): Promise<void> {
  await t.test(name, async (t) => {
    await play(t);
    results.push({ name, ok: t.passing(), note });
  });
}

await kept(
  t,
  'a proxy in front of a Sentinel: clients see what Sentinel says',
  'Sentinel gives the address of Redis itself, so such a client then bypasses Spillway',
  async (t) => {
    const redis = await withRedis(t);
    const sentinel = await withSentinel(t, redis.port);
    const proxy = await withProxy(t, { redis: sentinel });
    const direct = await asClientsSee(t, sentinel.port);
    t.same(await asClientsSee(t, proxy.port), direct);
  },
);

await kept(
  t,
  'a Sentinel that watches Redis through the proxy: its clients stay on the proxy',
  '`sentinel monitor` names the address of Spillway',
  async (t) => {
    const proxy = await withProxy(t, { redis: await withRedis(t) });
    const sentinel = await withSentinel(t, proxy.port);
    const seen = JSON.stringify(await asClientsSee(t, sentinel.port));
    t.match(seen, `["127.0.0.1","${proxy.port}"]`, 'the proxy is the master that is given away');
    t.match(seen, '"OK","1","master"', 'and clients work there');
  },
);

const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string };
const client = 'Sentinel clients of ioredis and node-redis';
keepFigures('clients-sentinel', { client, version, protocol: 'RESP3', cases: results });
