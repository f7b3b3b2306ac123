// What node-redis does on connections that work: typed replies, bursts, transactions, scripts, streams, iterators.
// Each case returns what the application would see.
import { createClient, defineScript, RESP_TYPES, type RedisClientOptions } from 'redis';
import { until } from '../../support/wait.js';
import { type ClientCase, refusal } from './cases.js';
import { allOf, LARGE, sha1 } from './habits.js';
import { PATIENCE, type Side } from './sides.js';

const INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const LIBRARY = `#!lua name=counters
redis.register_function('bump', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`;

export type NodeRedisOptions = Omit<RedisClientOptions, 'RESP' | 'modules' | 'functions' | 'scripts'>;

export interface NodeRedisTools {
  readonly side: Side;
  readonly protocol: 2 | 3;
  /** A client, connected; destroyed at the case's end. */
  connect(options?: NodeRedisOptions): Promise<NodeRedisClient>;
  /** A client that is not connected yet. */
  create(options?: NodeRedisOptions): NodeRedisClient;
}

export type NodeRedisClient = ReturnType<typeof makeClient>;

/** Errors are what the cases ask commands for: an event without a listener would end the process. */
export function makeClient(port: number, protocol: 2 | 3, options: NodeRedisOptions = {}) {
  const bump = defineScript({
    SCRIPT: INCREMENT,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser, key: string, by: number) {
      parser.pushKey(key);
      parser.push(String(by));
    },
    transformReply: (reply: number) => reply,
  });
  const socket = { host: '127.0.0.1', port, ...options.socket } as const;
  const client = createClient({ ...options, socket, RESP: protocol, scripts: { bump } });
  client.on('error', () => {});
  return client;
}

async function countUp(client: NodeRedisClient, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    await client.watch(key);
    const value = Number(await client.get(key));
    const result = await client
      .multi()
      .set(key, value + 1)
      .exec()
      .catch((error: Error) => error);
    if (!(result instanceof Error)) done++;
  }
}

export const nodeRedisCommands: readonly ClientCase<NodeRedisTools>[] = [
  {
    name: 'replies of every type',
    async run({ connect }) {
      const client = await connect();
      return [
        await client.set('a', '1'),
        await client.set('a', '2', { expiration: { type: 'EX', value: 999_999 }, GET: true }),
        await client.mSet({ c: '1', d: '2' }),
        await client.mGet(['a', 'c', 'none']),
        await client.setNX('a', '3'),
        await client.hSet('h', { f: 'v', g: 'w' }),
        await client.hGetAll('h'),
        await client.hGetAll('none'),
        await client.zAdd('z', [
          { score: 1.5, value: 'm' },
          { score: Number.NEGATIVE_INFINITY, value: 'low' },
        ]),
        await client.zRangeWithScores('z', 0, -1),
        await client.zScore('z', 'm'),
        await client.sAdd('s', ['x']),
        await client.sIsMember('s', 'x'),
        await client.geoAdd('geo', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' }),
        await client.geoPos('geo', ['Palermo', 'none']),
        await client.configGet('maxmemory-policy'),
        await client.sendCommand(['OBJECT', 'HELP']),
      ];
    },
  },
  {
    name: 'other types for replies, binary values',
    async run({ connect }) {
      const client = await connect();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await client.hSet('h', { f: bytes, n: '1' });
      const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      const maps = client.withTypeMapping({ [RESP_TYPES.MAP]: Map });
      return [String(await buffers.hGet('h', 'f')), await maps.hGetAll('h')];
    },
  },
  {
    name: 'errors reach the caller, each its own',
    async run({ connect }) {
      const client = await connect();
      await client.set('a', 'text');
      return Promise.all([
        refusal(client.lPush('a', '1')),
        refusal(client.incr('a')),
        refusal(client.sendCommand(['NOSUCH', 'x'])),
        refusal(client.sendCommand(['GET'])),
        client.get('a'),
      ]);
    },
  },
  {
    name: '1,000 commands in one turn',
    async run({ connect }) {
      const client = await connect();
      return Promise.all(
        Array.from({ length: 1000 }, (_, i) =>
          i % 2 === 0 ? client.setNX(`many:${i}`, `${i}`) : client.get(`many:${i - 1}`),
        ),
      );
    },
  },
  {
    name: 'MULTI: executed, refused, as a plain pipeline',
    async run({ connect }) {
      const client = await connect();
      return [
        await client.multi().setNX('m', '1').incr('m').exec(),
        await refusal(client.multi().addCommand(['SET', 'only-a-key']).incr('m').exec()),
        await refusal(client.multi().incr('m').lPush('m', 'x').get('m').exec()),
        await client.multi().set('p', '1').get('p').incr('p').execAsPipeline(),
        await client.get('m'),
      ];
    },
  },
  {
    name: 'WATCH: a conflict is seen, and retried by five clients at a time',
    async run({ connect }) {
      const client = await connect();
      await client.set('m', '1');
      await client.watch('m');
      await (await connect()).set('m', '2');
      const conflict = await refusal(client.multi().set('m', '3').exec());
      const five = await Promise.all(Array.from({ length: 5 }, () => connect()));
      await Promise.all(five.map((each) => countUp(each, 'count', 10)));
      return [conflict, await client.mGet(['m', 'count'])];
    },
  },
  {
    name: 'scripts and functions: EVALSHA, EVAL after NOSCRIPT, FCALL',
    scripted: true,
    async run({ connect, side }) {
      const client = await connect();
      const first = [await client.bump('n', 5), await client.bump('n', 5)];
      await side.look.call('SCRIPT', 'FLUSH');
      const after = await Promise.all([client.bump('n', 5), client.bump('n', 6), client.get('n')]);
      await client.functionLoad(LIBRARY, { REPLACE: true });
      return [
        ...[first, after, await client.fCall('bump', { keys: ['n'], arguments: ['7'] })],
        await refusal(client.fCall('none', { keys: [], arguments: [] })),
        await refusal(client.eval("return redis.call('LPUSH', KEYS[1], 'x')", { keys: ['n'] })),
        await client.multi().bump('n', 1).get('n').exec(),
      ];
    },
  },
  {
    name: 'streams with consumer groups',
    async run({ connect, side }) {
      const client = await connect();
      await client.xGroupCreate('st', 'g', '$', { MKSTREAM: true });
      const read = async (name: string) =>
        (await connect()).xReadGroup('g', name, { key: 'st', id: '>' }, { COUNT: 10, BLOCK: 10_000 });
      const waiting = read('one');
      await side.blocked();
      await client.xAdd('st', '1-1', { f: 'v' });
      const woken = await waiting;
      for (let i = 2; i < 12; i++) await client.xAdd('st', `${i}-1`, { f: `v${i}`, g: 'w' });
      return [
        ...[woken, await read('two'), await client.xPending('st', 'g')],
        await client.xClaimJustId('st', 'g', 'three', 0, '2-1'),
        await client.xAutoClaim('st', 'g', 'three', 0, '0', { COUNT: 3 }),
        await client.xAck('st', 'g', ['1-1', '2-1']),
        await client.xRange('st', '-', '+', { COUNT: 2 }),
        await client.xLen('st'),
      ];
    },
  },
  {
    name: 'blocking reads: woken, timed out, given up',
    async run({ connect, side }) {
      const [client, blocked] = [await connect(), await connect()];
      const popped = blocked.blPop('queue', 20);
      await side.blocked();
      await client.rPush('queue', ['job', 'next']);
      const moved = await blocked.blMove('queue', 'done', 'LEFT', 'RIGHT', 1);
      const late = [await blocked.brPop('queue', 0.01), await blocked.bzPopMin('z', 0.01)];
      const seen = [await popped, moved, ...late];
      const abandoned = refusal(blocked.blPop('queue', 0));
      await side.blocked();
      blocked.destroy();
      const error = await abandoned;
      await side.blocked(0);
      await client.rPush('queue', 'not lost');
      return [seen, error, await client.lRange('queue', 0, -1), await client.lRange('done', 0, -1)];
    },
  },
  {
    name: 'pub/sub: channels, patterns, shards, and a connection like any other afterwards',
    async run({ connect, protocol }) {
      const [client, subscriber] = [await connect(), await connect()];
      const messages: string[] = [];
      const note = (message: string, channel: string) => messages.push(`${channel} ${message}`);
      await subscriber.subscribe(['news', 'other'], note);
      await subscriber.pSubscribe('n*', note);
      await subscriber.sSubscribe('shard', note);
      const counts = [await client.publish('news', 'hello'), await client.sPublish('shard', 'piece')];
      await until(() => messages.length === 3, PATIENCE);
      // RESP2 allows no other commands on a connection that is subscribed.
      const meanwhile = protocol === 3 ? [await subscriber.setNX('meanwhile', '1')] : [];
      await subscriber.unsubscribe();
      await subscriber.pUnsubscribe();
      await subscriber.sUnsubscribe();
      return [
        counts,
        messages.sort(),
        meanwhile,
        await subscriber.setNX('after', '1'),
        await subscriber.ping(),
      ];
    },
  },
  {
    name: 'iterators: keys, hashes, sorted sets',
    async run({ connect }) {
      const client = await connect();
      await Promise.all(
        Array.from({ length: 500 }, async (_, i) => {
          await Promise.all([client.set(`scan:${i}`, i), client.hSet('h', `f${i}`, i)]);
          await client.zAdd('z', { score: i, value: `m${i}` });
        }),
      );
      return [
        await allOf(client.scanIterator({ MATCH: 'scan:1*', COUNT: 100 })),
        await allOf(client.hScanIterator('h', { COUNT: 100 })),
        await allOf(client.zScanIterator('z', { MATCH: 'm1?' })),
      ];
    },
  },
  {
    name: 'values of 8 MB',
    async run({ connect }) {
      const client = await connect();
      const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      const hash = async (key: string) => sha1(await buffers.get(key));
      const replies = Promise.all([
        client.set('big', LARGE),
        client.append('big', 'end'),
        client.set('n', LARGE),
      ]);
      return [await replies, ...(await Promise.all([hash('big'), hash('n'), client.strLen('big')]))];
    },
  },
];
