// What ioredis does on connections that work: replies of every type, pipelines, transactions, scripts, streams, scans.
// Each case returns what the application would see.
import type { Redis, RedisOptions } from 'ioredis';
import { until } from '../../support/wait.js';
import { type ClientCase, refusal } from './cases.js';
import { allOf, LARGE, sha1 } from './habits.js';
import { PATIENCE, type Side } from './sides.js';

export interface IoredisTools {
  readonly side: Side;
  readonly protocol: 2 | 3;
  /** A client with the defaults of an application; closed at the case's end. */
  connect(options?: Omit<RedisOptions, 'protocol' | 'replyMapping'>): Redis;
}

/** Errors stand in results as objects; their texts are what counts. */
export function texts(results: readonly (readonly [Error | null, unknown])[] | null): unknown {
  return results?.map(([error, value]) => error?.message ?? value) ?? null;
}

/** Adds one to `key` under WATCH until it succeeds, `times` times. */
async function countUp(client: Redis, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    await client.watch(key);
    const value = Number(await client.get(key));
    const result = await client
      .multi()
      .set(key, value + 1)
      .exec();
    if (result !== null) done++;
  }
}

const INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

export const ioredisCommands: readonly ClientCase<IoredisTools>[] = [
  {
    name: 'replies of every type',
    async run({ connect }) {
      const client = connect();
      return [
        await client.set('a', '1'),
        await client.set('a', '2', 'EX', 999_999, 'GET'),
        await client.mset({ c: '1', d: '2' }),
        await client.mget('a', 'c', 'none'),
        await client.getBuffer('a'),
        await client.setnx('a', '3'),
        await client.hset('h', { f: 'v', g: 'w' }),
        await client.hgetall('h'),
        await client.hgetall('none'),
        await client.zadd('z', '1.5', 'm', '-inf', 'low'),
        await client.zrange('z', '0', '-1', 'WITHSCORES'),
        await client.zscore('z', 'm'),
        await client.sadd('s', 'x'),
        await client.sismember('s', 'x'),
        await client.geoadd('geo', '13.361389', '38.115556', 'Palermo'),
        await client.geopos('geo', 'Palermo', 'none'),
        await client.config('GET', 'maxmemory-policy'),
        await client.call('OBJECT', 'HELP'),
      ];
    },
  },
  {
    name: 'errors reach the caller, each its own',
    async run({ connect }) {
      const client = connect();
      await client.set('a', 'text');
      return Promise.all([
        refusal(client.lpush('a', '1')),
        refusal(client.incr('a')),
        refusal(client.call('NOSUCH', 'x')),
        refusal(client.call('GET')),
        refusal(client.set('a', '1', 'EX', 0)),
        client.get('a'),
      ]);
    },
  },
  {
    name: 'binary keys and values',
    async run({ connect }) {
      const client = connect();
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await client.set(all, all);
      await client.hset('h', all, all);
      const [value, hash] = [await client.getBuffer(all), await client.hgetallBuffer('h')];
      const keys = await client.keysBuffer('*');
      // As text: buffers are abridged where they are shown.
      return [value, ...Object.values(hash), ...keys].map((bytes) => bytes?.toString('latin1')).sort();
    },
  },
  {
    name: 'a pipeline of 2,000 commands',
    async run({ connect }) {
      const pipeline = connect().pipeline();
      for (let i = 0; i < 1000; i++) pipeline.setnx(`many:${i}`, i).get(`many:${i}`);
      pipeline.hget('many:0', 'x');
      return texts(await pipeline.exec());
    },
  },
  {
    name: 'auto-pipelining',
    async run({ connect }) {
      const client = connect({ enableAutoPipelining: true });
      const round = (i: number) =>
        Promise.all([
          client.set(`k:${i}`, i),
          client.incr('n'),
          client.get(`k:${i}`),
          refusal(client.lpush(`k:${i}`, 1)),
        ]);
      return Promise.all(Array.from({ length: 250 }, (_, i) => round(i)));
    },
  },
  {
    name: 'MULTI: in one pipeline, step by step, refused, discarded',
    async run({ connect }) {
      const client = connect();
      const piped = await client.multi().setnx('m', '1').incr('m').hget('m', 'f').exec();
      const steps = [
        await client.multi({ pipeline: false }),
        await client.setnx('n', '1'),
        await client.incr('n'),
      ];
      const result = texts((await client.exec()) as never);
      await client.multi({ pipeline: false });
      const refused = [await refusal(client.call('SET', 'only-a-key')), await refusal(client.exec())];
      await client.multi({ pipeline: false });
      await client.set('m', 'discarded');
      return [texts(piped), steps, result, refused, await client.discard(), await client.get('m')];
    },
  },
  {
    name: 'WATCH: a conflict is seen, and retried by five clients at a time',
    async run({ connect }) {
      const client = connect();
      await client.set('m', '1');
      await client.watch('m');
      await connect().set('m', '2');
      const conflict = await client.multi().set('m', '3').exec();
      await Promise.all(Array.from({ length: 5 }, () => countUp(connect(), 'count', 10)));
      return [conflict, await client.mget('m', 'count')];
    },
  },
  {
    name: 'scripts: EVALSHA, EVAL after NOSCRIPT, in pipelines and transactions',
    scripted: true,
    async run({ connect, side }) {
      const client = connect({ scripts: { bump: { lua: INCREMENT, numberOfKeys: 1 } } });
      const bump = Reflect.get(client, 'bump') as (key: string, by: number) => Promise<unknown>;
      const first = [await bump.call(client, 'n', 5), await bump.call(client, 'n', 5)];
      await side.look.call('SCRIPT', 'FLUSH');
      const after = await bump.call(client, 'n', 5);
      await side.look.call('SCRIPT', 'FLUSH');
      const pipeline = client.pipeline();
      for (let i = 0; i < 50; i++)
        Reflect.apply(Reflect.get(pipeline, 'bump') as () => void, pipeline, ['n', i]);
      const piped = texts(await pipeline.exec());
      const wrong = refusal(client.eval("return redis.call('LPUSH', KEYS[1], 'x')", 1, 'n'));
      return [first, after, piped, await wrong, await client.eval('return {1, {2, "x"}, false}', 0)];
    },
  },
  {
    name: 'streams with consumer groups',
    async run({ connect, side }) {
      const client = connect();
      await client.xgroup('CREATE', 'st', 'g', '$', 'MKSTREAM');
      const read = (name: string) =>
        connect().xreadgroup('GROUP', 'g', name, 'COUNT', 10, 'BLOCK', 10_000, 'STREAMS', 'st', '>');
      const waiting = read('one');
      await side.blocked();
      await client.xadd('st', '1-1', 'f', 'v');
      const woken = await waiting;
      for (let i = 2; i < 12; i++) await client.xadd('st', `${i}-1`, 'f', `v${i}`, 'g', 'w');
      return [
        woken,
        await read('two'),
        await client.xpending('st', 'g'),
        await client.xclaim('st', 'g', 'three', 0, '2-1', 'JUSTID'),
        await client.xautoclaim('st', 'g', 'three', 0, '0', 'COUNT', 3),
        await client.xack('st', 'g', '1-1', '2-1'),
        await client.xrange('st', '-', '+', 'COUNT', 2),
        await client.xlen('st'),
        await refusal(client.xadd('st', '1-1', 'f', 'v')),
      ];
    },
  },
  {
    name: 'blocking reads: woken, timed out, given up',
    async run({ connect, side }) {
      const [client, blocked] = [connect(), connect()];
      const popped = blocked.blpop('queue', 20);
      await side.blocked();
      await client.rpush('queue', 'job', 'next');
      const moved = await blocked.blmove('queue', 'done', 'LEFT', 'RIGHT', 1);
      const seen = [
        await popped,
        moved,
        await blocked.brpop('queue', 0.01),
        await blocked.bzpopmin('z', 0.01),
      ];
      const abandoned = refusal(blocked.blpop('queue', 0));
      await side.blocked();
      blocked.disconnect();
      const error = await abandoned;
      await side.blocked(0);
      await client.rpush('queue', 'not lost');
      return [...seen, error, await client.lrange('queue', 0, -1), await client.lrange('done', 0, -1)];
    },
  },
  {
    name: 'pub/sub: channels, patterns, shards, and a connection like any other afterwards',
    async run({ connect }) {
      const [client, subscriber] = [connect(), connect()];
      const messages: string[] = [];
      for (const event of ['message', 'pmessage', 'smessage']) {
        subscriber.on(event, (...words: string[]) => messages.push(`${event} ${words.join(' ')}`));
      }
      const counts = [
        await subscriber.subscribe('news', 'other'),
        await subscriber.psubscribe('n*'),
        await subscriber.ssubscribe('shard'),
        await client.publish('news', 'hello'),
        await client.spublish('shard', 'piece'),
        await client.publish('nobody hears', ''),
        await client.pubsub('NUMSUB', 'news', 'none'),
      ];
      await until(() => messages.length === 4, PATIENCE);
      // By name: without, ioredis 6 waits for ever, on a direct connection as well.
      await subscriber.unsubscribe('news', 'other');
      await subscriber.punsubscribe('n*');
      await subscriber.sunsubscribe('shard');
      return [counts, messages.sort(), await subscriber.setnx('after', '1'), await subscriber.ping()];
    },
  },
  {
    name: 'scans: keys, hashes, sorted sets',
    async run({ connect }) {
      const client = connect();
      const fill = client.pipeline();
      for (let i = 0; i < 500; i++) fill.set(`scan:${i}`, i).hset('h', `f${i}`, `${i}`).zadd('z', i, `m${i}`);
      await fill.exec();
      return [
        await allOf(client.scanStream({ match: 'scan:1*', count: 100 })),
        await allOf(client.hscanStream('h', { count: 100 })),
        await allOf(client.zscanStream('z', { match: 'm1?' })),
      ];
    },
  },
  {
    name: 'values of 8 MB, one by one and in a pipeline',
    async run({ connect }) {
      const client = connect();
      const replies = [await client.set('big', LARGE), await client.append('big', 'end')];
      const piped = await client
        .pipeline()
        .set('next', LARGE)
        .getBuffer('big')
        .strlen('next')
        .getBuffer('next')
        .exec();
      return [replies, piped?.map(([, reply]) => (Buffer.isBuffer(reply) ? sha1(reply) : reply))];
    },
  },
];
