// What ioredis does about connections: how it greets, who it says it is, what it asks a server about itself, and how
// it comes back when Redis was killed. Each case returns what the application would see.
import { Redis } from 'ioredis';
import { until } from '../../support/wait.js';
import { type ClientCase, refusal } from './cases.js';
import { killUnderWay, orError, triedInVain } from './habits.js';
import { type IoredisTools, texts } from './ioredis-commands.js';
import { PATIENCE } from './sides.js';

/** The clients that ioredis calls by this name, as Redis itself lists them. */
const NAMED = /name=worker [^\n]*/;
const BRIEF_RETRY = { retryStrategy: () => 20, maxRetriesPerRequest: null };

export const ioredisConnections: readonly ClientCase<IoredisTools>[] = [
  {
    name: 'HELLO, READY check, SELECT and CLIENT SETNAME at the start',
    async run({ connect, side, protocol }) {
      const client = connect({ db: 3, connectionName: 'worker' });
      await client.set('in-three', '1');
      const [entry = ''] = NAMED.exec(String(await side.look.call('CLIENT', 'LIST'))) ?? [];
      const shown = Object.fromEntries(entry.split(' ').map((pair) => pair.split('=')));
      await client.select(0);
      return [
        shown.db,
        shown.resp ?? `no resp field, ${protocol} asked for`,
        await client.client('GETNAME'),
        await client.exists('in-three'),
        await client.dbsize(),
        String(await side.look.call('INFO', 'keyspace')).includes('db3:keys=1'),
      ];
    },
  },
  {
    name: 'a user with a password, rights that are missing, a wrong password',
    async run({ connect, side }) {
      await side.look.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~app:*', '+@all', '-@dangerous');
      const client = connect({ username: 'app', password: 'secret', enableReadyCheck: false });
      const seen = [
        await client.set('app:a', '1'),
        await refusal(client.set('else', '1')),
        await refusal(client.flushall()),
        texts(await client.pipeline().incr('app:a').get('else').incr('app:a').exec()),
        await refusal(client.multi().set('app:b', '1').set('else', '1').exec()),
        await client.acl('WHOAMI'),
      ];
      const intruder = connect({ username: 'app', password: 'wrong', retryStrategy: () => null });
      const errors: string[] = [];
      intruder.on('error', (error) => errors.push(error.message));
      const refused = await refusal(intruder.get('app:a'));
      await side.look.call('ACL', 'DELUSER', 'app');
      return [seen, refused, [...new Set(errors)]];
    },
  },
  {
    name: 'what clients ask a server about itself: INFO, ROLE, READONLY, CLUSTER, COMMAND',
    async run({ connect }) {
      const client = connect();
      const info = await client.info();
      return [
        info.match(/^(redis_version|redis_mode|role|maxmemory_policy):.*$/gm),
        await client.role(),
        await refusal(client.readonly()),
        await refusal(client.cluster('INFO')),
        await refusal(client.cluster('SLOTS')),
        await client.command('COUNT'),
        await client.command('INFO', 'get', 'set', 'nosuch'),
        await client.memory('USAGE', 'none'),
        await client.latency('LATEST'),
      ];
    },
  },
  {
    name: 'the cluster client on a server that is no cluster',
    async run({ side }) {
      const { Cluster } = Redis;
      const cluster = new Cluster([{ host: '127.0.0.1', port: side.port }], {
        clusterRetryStrategy: () => null,
      });
      const errors: string[] = [];
      cluster.on('error', (error) => errors.push(error.message));
      const refused = await refusal(cluster.get('a'));
      cluster.disconnect();
      return [refused, errors];
    },
  },
  {
    name: 'MONITOR',
    notRuled: 'it also shows the PEXPIRE that gives a key its TTL',
    async run({ connect }) {
      const monitor = connect({ monitor: true });
      await new Promise((resolve) => monitor.once('monitoring', resolve));
      const seen: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => {
        if (args.some((word) => word.startsWith('seen:'))) seen.push(args.join(' '));
      });
      const client = connect();
      await client.set('seen:a', '1');
      await client.pipeline().get('seen:a').mget('seen:a', 'seen:b').exec();
      await until(() => seen.length === 3, PATIENCE);
      return seen;
    },
  },
  {
    name: 'QUIT: what was sent before is answered, and nothing comes after',
    async run({ connect }) {
      const client = connect();
      const ended = new Promise((resolve) => client.once('end', resolve));
      const replies = await Promise.all([client.set('a', '1'), client.incr('a'), client.quit()]);
      await ended;
      return [replies, client.status, await refusal(client.get('a'))];
    },
  },
  {
    name: 'Redis is killed and comes back: offline queue, database, subscriptions, blocked reads',
    note: 'what is sent while Redis is away waits in the client; databases and subscriptions are restored',
    async run({ connect, side }) {
      const client = connect({ ...BRIEF_RETRY, db: 2 });
      const subscriber = connect(BRIEF_RETRY);
      const blocked = connect(BRIEF_RETRY);
      const errors = new Set<string>();
      for (const each of [client, subscriber, blocked]) {
        each.on('error', (error: NodeJS.ErrnoException) => errors.add(error.code ?? error.message));
      }
      const messages: string[] = [];
      subscriber.on('message', (channel, message) => messages.push(`${channel} ${message}`));
      await subscriber.subscribe('news');
      await client.set('before', '1');
      const popped = blocked.blpop('queue', 0);
      await side.blocked();
      const lost = new Promise((resolve) => client.once('reconnecting', resolve));
      const tried = triedInVain([client, subscriber, blocked]);
      await side.redis.kill('SIGKILL');
      await lost;
      const waiting = [client.set('after', '2'), client.get('after'), client.get('before')].map(orError);
      await tried;
      await side.revive();
      const seen: unknown[] = await Promise.all(waiting);
      await side.blocked();
      const heard = async () => (await client.publish('news', 'again')) === 1;
      await until(heard, { ...PATIENCE, describe: 'the subscription to be back' });
      await until(() => messages.length > 0, PATIENCE);
      await connect().rpush('queue', 'job');
      seen.push(
        await popped,
        messages,
        String(await side.look.call('INFO', 'keyspace')).includes('db2:keys=1'),
      );
      return seen;
    },
  },
  {
    name: 'Redis is killed with commands under way: they fail, none is answered wrongly',
    async run({ connect, side }) {
      const client = connect({ retryStrategy: () => 20, maxRetriesPerRequest: 0 });
      client.on('error', () => {});
      await client.set('a', '1');
      return killUnderWay(side, {
        block: (key) => client.blpop(key, 0),
        get: (key) => client.get(key),
        ping: () => client.ping(),
      });
    },
  },
];
