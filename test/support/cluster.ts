// A Cluster of two primaries with half of the slots each, ended with its test.
import type { Redis } from 'ioredis';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { withIoredis } from './ioredis.js';
import { type TestScope, withRedis } from './redis.js';
import { until } from './wait.js';

export interface TestCluster {
  readonly nodes: readonly [RedisProcess, RedisProcess];
  /** A plain connection to each. */
  readonly clients: readonly [Redis, Redis];
  /** Slot 0 is among the first one's. Resolves when `slot` and its keys are at the other one, and both say so. */
  move(slot: number, from: 0 | 1): Promise<void>;
  /** Writes by whichever has the slot. */
  set(key: string, value: string): Promise<void>;
}

export async function withCluster(t: TestScope): Promise<TestCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  // Its own choice, ten thousand above its port, may be taken.
  const node = async () => withRedis(t, [...args, '--cluster-port', String(await findFreePort())]);
  const nodes = [await node(), await node()] as const;
  const clients = [client(t, nodes[0].port), client(t, nodes[1].port)] as const;
  const [one, two] = clients;
  await one.cluster('ADDSLOTSRANGE', 0, 8191);
  await two.cluster('ADDSLOTSRANGE', 8192, 16383);
  await one.call('CLUSTER', 'MEET', '127.0.0.1', nodes[1].port, await busPort(two));
  for (const node of clients) {
    const healthy = async () => String(await node.cluster('INFO')).includes('cluster_state:ok');
    await until(healthy, { timeoutMs: 20_000, describe: 'the Cluster to be healthy' });
  }
  return {
    nodes,
    clients,
    async move(slot, from) {
      const [source, target] = from === 0 ? [one, two] : [two, one];
      const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')];
      await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId);
      await source.cluster('SETSLOT', slot, 'MIGRATING', targetId);
      const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, '100000')) as string[];
      const { port } = nodes[from === 0 ? 1 : 0];
      if (keys.length > 0) await source.call('MIGRATE', '127.0.0.1', port, '', 0, 5000, 'KEYS', ...keys);
      for (const node of [target, source]) await node.cluster('SETSLOT', slot, 'NODE', targetId);
    },
    async set(key, value) {
      await one.set(key, value).catch(() => two.set(key, value));
    },
  };
}

/** On which the nodes talk to this one. */
export async function busPort(node: Redis): Promise<string> {
  return /@(\d+)\S* myself/.exec(String(await node.cluster('NODES')))?.[1] ?? '';
}

function client(t: TestScope, port: number): Redis {
  const redis = withIoredis(t, port);
  return redis;
}
