// The three recipes of docs/CLUSTER.md: one Spillway for each server, and clients that are kept on them.
// Each client writes keys of a rule; each key must have the rule's TTL, which only Spillway gives.
import { Cluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import t, { type Test } from 'tap';
import { busPort, type TestCluster, withCluster } from '../support/cluster.js';
import { withIoredis } from '../support/ioredis.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';

const HOST = '127.0.0.1';
const KEYS = 60;
const RULES = [{ name: 'cache', match: 'cache:*', ttl: '1h' }];

interface Writer {
  set(key: string, value: string): Promise<unknown>;
}

/** The port of a Spillway in front of the server on `port`. */
async function proxyOf(t: Test, port: number, pool: string, expect: string): Promise<number> {
  const proxy = await withProxy(t, { redis: { port }, config: { rules: RULES, upstream: { pool, expect } } });
  return proxy.port;
}

async function write(client: Writer, name: string): Promise<void> {
  for (let i = 0; i < KEYS; i++) t.equal(await client.set(`cache:${name}:${i}`, 'v'), 'OK');
}

/** Keys at all nodes, and those of them with the rule's TTL. */
async function governed({ clients }: TestCluster): Promise<{ keys: number; withTtl: number }> {
  let [keys, withTtl] = [0, 0];
  for (const node of clients) {
    for (const key of await node.keys('cache:*')) {
      keys++;
      if ((await node.pttl(key)) > 0) withTtl++;
    }
  }
  return { keys, withTtl };
}

function ioredisCluster(
  t: Test,
  port: number,
  natMap?: Record<string, { host: string; port: number }>,
): Cluster {
  const client = new Cluster([{ host: HOST, port }], natMap && { natMap });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

async function nodeRedisCluster(t: Test, port: number, map?: Record<string, { host: string; port: number }>) {
  const client = createCluster({
    rootNodes: [{ url: `redis://${HOST}:${port}` }],
    ...(map && { nodeAddressMap: map }),
  });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  return client;
}

for (const pool of POOLS) {
  t.test(`the clients map addresses (${pool} pooling)`, { timeout: 90_000 }, async (t) => {
    const cluster = await withCluster(t);
    const [one, two] = cluster.nodes;
    const ports = [
      await proxyOf(t, one.port, pool, 'cluster'),
      await proxyOf(t, two.port, pool, 'cluster'),
    ] as const;
    const map = {
      [`${HOST}:${one.port}`]: { host: HOST, port: ports[0] },
      [`${HOST}:${two.port}`]: { host: HOST, port: ports[1] },
    };
    const ioredis = ioredisCluster(t, ports[0], map);
    await write(ioredis, 'ioredis');
    const nodeRedis = await nodeRedisCluster(t, ports[0], map);
    await write(nodeRedis, 'node-redis');
    t.same(await governed(cluster), { keys: 2 * KEYS, withTtl: 2 * KEYS });

    const key = 'cache:{moved}';
    const slot = Number(await cluster.clients[0].cluster('KEYSLOT', key));
    await cluster.set(key, 'v');
    await cluster.move(slot, slot < 8192 ? 0 : 1);
    t.equal(await ioredis.set(key, 'by ioredis'), 'OK', 'MOVED leads to the Spillway of the other node');
    t.equal(await nodeRedis.set(`${key}:2`, 'v'), 'OK');
    t.same(await governed(cluster), { keys: 2 * KEYS + 2, withTtl: 2 * KEYS + 2 });
  });
}

t.test('the nodes announce the Spillways', { timeout: 90_000 }, async (t) => {
  const cluster = await withCluster(t);
  const ports: number[] = [];
  for (const [i, { port }] of cluster.nodes.entries()) {
    const proxy = await proxyOf(t, port, POOLS[i] as string, 'cluster');
    ports.push(proxy);
    const node = cluster.clients[i] as Redis;
    await node.config('SET', 'cluster-announce-bus-port', await busPort(node));
    await node.config('SET', 'cluster-announce-port', proxy);
  }
  for (const node of cluster.clients) {
    const named = async () => {
      const slots = (await node.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
      return slots.every(([, , [, port]]) => ports.includes(port));
    };
    await until(named, { timeoutMs: 20_000, describe: 'all nodes to name the Spillways' });
  }
  const [port] = ports as [number, number];
  await write(ioredisCluster(t, port), 'ioredis');
  await write(await nodeRedisCluster(t, port), 'node-redis');
  t.same(await governed(cluster), { keys: 2 * KEYS, withTtl: 2 * KEYS });
});

t.test('Sentinel and the replicas name the Spillways', { timeout: 120_000 }, async (t) => {
  const first = await withRedis(t);
  const second = await withRedis(t);
  const proxies = [
    await proxyOf(t, first.port, 'session', 'any'),
    await proxyOf(t, second.port, 'command', 'any'),
  ] as const;
  const [one, two] = [new Redis(first.port, HOST), new Redis(second.port, HOST)];
  t.teardown(() => {
    one.disconnect();
    two.disconnect();
  });
  one.on('error', () => {});
  for (const [redis, port] of [
    [one, proxies[0]],
    [two, proxies[1]],
  ] as const) {
    await redis.config('SET', 'replica-announce-ip', HOST);
    await redis.config('SET', 'replica-announce-port', port);
  }
  await two.replicaof(HOST, proxies[0]);
  await until(async () => (await two.info('replication')).includes('master_link_status:up'), {
    timeoutMs: 30_000,
    describe: 'the replica to be in step',
  });
  const sentinel = await withSentinel(t, proxies[0]);
  const asked = withIoredis(t, sentinel.port);
  await asked.call('SENTINEL', 'SET', SENTINEL_PRIMARY, 'down-after-milliseconds', '1000');
  const known = async () =>
    JSON.stringify(await asked.call('SENTINEL', 'REPLICAS', SENTINEL_PRIMARY)).includes(
      `"${HOST}:${proxies[1]}"`,
    );
  await until(known, { timeoutMs: 30_000, describe: 'Sentinel to know the replica by its Spillway' });

  const client = new Redis({ sentinels: [{ host: HOST, port: sentinel.port }], name: SENTINEL_PRIMARY });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  await write(client, 'before');
  await one.call('WAIT', 1, 5000);
  await first.kill('SIGKILL');
  const moved = async () => (await two.role())[0] === 'master';
  await until(moved, { timeoutMs: 60_000, describe: 'Sentinel to promote the replica' });
  await write(client, 'after');
  const keys = await two.keys('cache:*');
  t.equal(keys.length, 2 * KEYS, 'nothing is lost');
  for (const key of keys) t.ok((await two.pttl(key)) > 0, `${key} has its TTL`);
});
