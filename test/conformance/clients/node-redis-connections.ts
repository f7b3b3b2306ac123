// What node-redis does about connections: how it greets, who it says it is, pools, client-side caching, the cluster
// client, and how it comes back when Redis was killed. Each case returns what the application would see.
import { createClientPool, createCluster } from 'redis';
import { until } from '../../support/wait.js';
import { type ClientCase, refusal } from './cases.js';
import { killUnderWay, orError, triedInVain } from './habits.js';
import type { NodeRedisTools } from './node-redis-commands.js';
import { PATIENCE } from './sides.js';

const NAMED = /name=worker [^\n]*/;
const BRIEF_RETRY = { reconnectStrategy: () => 20 };

export const nodeRedisConnections: readonly ClientCase<NodeRedisTools>[] = [
  {
    name: 'HELLO, SELECT, CLIENT SETNAME and SETINFO at the start',
    async run({ connect, side }) {
      const client = await connect({ database: 3, name: 'worker', clientInfoTag: 'tests' });
      await client.set('in-three', '1');
      const [entry = ''] = NAMED.exec(String(await side.look.call('CLIENT', 'LIST'))) ?? [];
      const shown = Object.fromEntries(entry.split(' ').map((pair) => pair.split('=')));
      await client.select(0);
      return [
        ...[shown.db, shown.resp, shown['lib-name'], await client.clientGetName()],
        ...[await client.exists('in-three'), await client.dbSize()],
        String(await side.look.call('INFO', 'keyspace')).includes('db3:keys=1'),
      ];
    },
  },
  {
    name: 'a user with a password, rights that are missing, a wrong password',
    async run({ connect, create, side }) {
      await side.look.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~app:*', '+@all', '-@dangerous');
      const client = await connect({ username: 'app', password: 'secret' });
      const seen = [
        await client.set('app:a', '1'),
        await refusal(client.set('else', '1')),
        await refusal(client.flushAll()),
        await refusal(client.multi().set('app:b', '1').set('else', '1').exec()),
        await client.aclWhoAmI(),
        await refusal(
          create({ username: 'app', password: 'wrong', socket: { reconnectStrategy: false } }).connect(),
        ),
      ];
      await side.look.call('ACL', 'DELUSER', 'app');
      return seen;
    },
  },
  {
    name: 'what clients ask a server about itself: INFO, ROLE, READONLY, CLUSTER, COMMAND',
    async run({ connect }) {
      const client = await connect();
      return [
        (await client.info()).match(/^(redis_version|redis_mode|role|maxmemory_policy):.*$/gm),
        await client.role(),
        await refusal(client.readonly()),
        await refusal(client.clusterInfo()),
        await client.commandCount(),
        await client.commandInfo(['get', 'set', 'nosuch']),
        await client.memoryUsage('none'),
      ];
    },
  },
  {
    name: 'the cluster client on a server that is no cluster',
    async run({ side, protocol }) {
      const cluster = createCluster({
        rootNodes: [{ url: `redis://127.0.0.1:${side.port}` }],
        RESP: protocol,
      });
      cluster.on('error', () => {});
      return refusal(cluster.connect());
    },
  },
  {
    name: 'a pool: a hundred tasks over five connections',
    async run({ side, protocol }) {
      const socket = { host: '127.0.0.1', port: side.port };
      const pool = createClientPool(
        { socket, RESP: protocol },
        { minimum: 1, maximum: 5, acquireTimeout: 20_000 },
      );
      pool.on('error', () => {});
      await pool.connect();
      const task = (i: number) =>
        pool.execute(async (client) => {
          await client.watch(`p:${i}`);
          return client.multi().set(`p:${i}`, i).get(`p:${i}`).incr('total').exec();
        });
      const results = await Promise.all(Array.from({ length: 100 }, (_, i) => task(i)));
      const seen = [
        results.map(([set, value]) => `${set} ${value}`),
        await pool.get('total'),
        pool.totalClients <= 5,
      ];
      await pool.close();
      return seen;
    },
  },
  {
    name: 'MONITOR, and RESET out of it',
    notRuled: 'it also shows the PEXPIRE that gives a key its TTL',
    async run({ connect }) {
      const [client, monitor] = [await connect(), await connect()];
      const seen: string[] = [];
      await monitor.monitor((line) => {
        const words = String(line).replace(/^[^"]*/, '');
        if (words.includes('seen:')) seen.push(words);
      });
      await client.set('seen:a', '1');
      await client.mGet(['seen:a', 'seen:b']);
      await until(() => seen.length === 2, PATIENCE);
      await monitor.reset();
      return [seen, await monitor.get('seen:a')];
    },
  },
  {
    name: 'QUIT by close(): what was sent before is answered',
    async run({ connect }) {
      const client = await connect();
      const replies = Promise.all([client.set('a', '1'), client.incr('a'), client.close()]);
      return [await replies, client.isOpen, await refusal(client.get('a'))];
    },
  },
  {
    name: 'Redis is killed and comes back: offline queue, database, subscriptions',
    note: 'what is sent while Redis is away waits in the client; databases and subscriptions are restored',
    async run({ connect, side }) {
      const client = await connect({ database: 2, socket: BRIEF_RETRY });
      const subscriber = await connect({ socket: BRIEF_RETRY });
      const messages: string[] = [];
      await subscriber.subscribe('news', (message) => messages.push(message));
      await client.set('before', '1');
      const lost = new Promise((resolve) => client.once('reconnecting', resolve));
      const tried = triedInVain([client, subscriber]);
      await side.redis.kill('SIGKILL');
      await lost;
      const waiting = [client.set('after', '2'), client.get('after'), client.get('before')].map(orError);
      await tried;
      await side.revive();
      const replies = await Promise.all(waiting);
      const heard = async () => (await client.publish('news', 'again')) === 1;
      await until(heard, { ...PATIENCE, describe: 'the subscription to be back' });
      await until(() => messages.length > 0, PATIENCE);
      return [replies, messages, String(await side.look.call('INFO', 'keyspace')).includes('db2:keys=1')];
    },
  },
  {
    name: 'Redis is killed with commands under way: they fail, none is answered wrongly',
    async run({ connect, side }) {
      const client = await connect({ socket: BRIEF_RETRY });
      await client.set('a', '1');
      return killUnderWay(side, {
        block: (key) => client.blPop(key, 0),
        get: (key) => client.get(key),
        ping: () => client.ping(),
      });
    },
  },
];

export const nodeRedisTracking: readonly ClientCase<NodeRedisTools>[] = [
  {
    name: 'client-side caching: hits, and invalidations by others, by the same client, by FLUSHALL',
    async run({ connect, side }) {
      const client = await connect({ clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } });
      const read = async (key: string, wanted: string | null) => {
        const settled = async () => (await client.get(key)) === wanted;
        await until(settled, { ...PATIENCE, describe: `${key} to be ${wanted}` });
      };
      await side.look.call('SET', 'k', 'one', 'EX', 100);
      await read('k', 'one');
      await read('k', 'one');
      const { hitCount, missCount } = client.clientSideCache?.stats() ?? {};
      await side.look.call('SET', 'k', 'two', 'EX', 100);
      await read('k', 'two');
      await client.setNX('own', '1');
      await read('own', '1');
      await client.set('own', '2');
      await read('own', '2');
      await side.look.call('FLUSHALL');
      await read('k', null);
      await client.set('last', '1');
      return [hitCount, missCount];
    },
  },
  {
    name: 'invalidation messages as events',
    async run({ connect, side }) {
      const client = await connect({ emitInvalidate: true });
      const seen: string[] = [];
      client.on('invalidate', (key) => seen.push(String(key)));
      await client.mGet(['a', 'b']);
      await side.look.call('SET', 'b', '1', 'EX', 100);
      await until(() => seen.length === 1, PATIENCE);
      return seen;
    },
  },
];
