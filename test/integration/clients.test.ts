// The client libraries that applications use, in RESP2 and RESP3, through a proxy that gives TTLs to all they write.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/demo/redis-server.js';
import { withProxy } from '../support/proxy.js';
import type { RawClient } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { integer, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];
const VERSIONS = [2, 3] as const;

interface Place {
  readonly redis: RedisProcess;
  readonly direct: RawClient;
  readonly port: number;
}

async function place(t: Test): Promise<Place> {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  return { redis, direct: await lookAt(t, redis), port: proxy.port };
}

/** Every key has a TTL of an hour at most: whatever the client did, the rule held. */
async function everyKeyExpires(t: Test, direct: RawClient): Promise<void> {
  const script =
    "local r = {} for _, k in ipairs(redis.call('KEYS', '*')) do local p = redis.call('PTTL', k) if p < 0 or p > 7200000 then r[#r + 1] = k end end return r";
  t.equal(String(await direct.call('EVAL', script, 0)), '*0\r\n', 'every key has its TTL');
  t.ok((await integer(direct, 'DBSIZE')) > 0);
}

for (const protocol of VERSIONS) {
  t.test(`ioredis, RESP${protocol}`, async (t) => {
    const { direct, port } = await place(t);
    const connect = () => {
      const client = new Redis({ port, host: '127.0.0.1', protocol, maxRetriesPerRequest: 1 });
      t.teardown(() => client.disconnect());
      return client;
    };
    const client = connect();

    t.equal(await client.set('a', '1'), 'OK');
    t.equal(await client.get('a'), '1');
    t.equal(await client.set('a', '2', 'EX', 999_999, 'GET'), '1');
    t.equal(await client.setnx('b', 'x'), 1);
    t.equal(await client.mset({ c: '1', d: '2' }), 'OK');
    t.same(await client.mget('a', 'c', 'none'), ['2', '1', null]);
    t.same(await client.getBuffer('a'), Buffer.from('2'));
    t.equal(await client.incr('n'), 1);
    t.equal(await client.hset('h', { f: 'v', g: 'w' }), 2);
    t.same(await client.hgetall('h'), { f: 'v', g: 'w' });
    t.equal(await client.zadd('z', 1.5, 'm'), 1);
    t.equal(String(await client.zscore('z', 'm')), '1.5');
    await t.rejects(client.incr('h'), /WRONGTYPE/);
    t.ok((await client.info('memory')).includes('used_memory'), "INFO is the server's own");

    const piped = await client.pipeline().setnx('p', '1').incr('p').get('p').hget('p', 'x').exec();
    t.same(piped?.slice(0, 3), [
      [null, 1],
      [null, 2],
      [null, '2'],
    ]);
    t.match(piped?.[3][0], /WRONGTYPE/);
    const many = client.pipeline();
    for (let i = 0; i < 2000; i++) many.setnx(`many:${i}`, i).get(`many:${i}`);
    const answers = await many.exec();
    t.ok(
      answers?.every(([error, value], i) => error === null && value === (i % 2 === 0 ? 1 : String(i >> 1))),
    );

    t.same(await client.multi().setnx('m', '1').incr('m').exec(), [
      [null, 1],
      [null, 2],
    ]);
    await client.watch('m');
    await connect().set('m', '7');
    t.equal(await client.multi().setnx('w', '1').exec(), null, 'a conflict');

    const subscriber = connect();
    const messages: string[] = [];
    subscriber.on('message', (channel, message) => messages.push(`${channel} ${message}`));
    subscriber.on('pmessage', (pattern, channel, message) =>
      messages.push(`${pattern} ${channel} ${message}`),
    );
    await subscriber.subscribe('news', 'other');
    await subscriber.psubscribe('n*');
    t.equal(await client.publish('news', 'hello'), 2);
    await until(() => messages.length === 2);
    t.same(messages.sort(), ['n* news hello', 'news hello']);
    // By name: without, ioredis 6 waits for ever, on a direct connection as well.
    await subscriber.unsubscribe('news', 'other');
    await subscriber.punsubscribe('n*');
    t.equal(await subscriber.setnx('after', '1'), 1, 'a connection like any other again');

    const blocked = connect();
    const popped = blocked.blpop('queue', 5);
    await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'));
    await client.rpush('queue', 'job');
    t.same(await popped, ['queue', 'job']);
    t.equal(await blocked.brpop('queue', 0.01), null);

    client.defineCommand('bump', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    const bump = Reflect.get(client, 'bump') as (key: string, by: number) => Promise<number>;
    t.equal(await bump.call(client, 'n', 5), 6, 'EVALSHA, after NOSCRIPT');
    t.equal(await bump.call(client, 'n', 5), 11);

    const id = await client.xadd('stream', '*', 'f', 'v');
    await client.xgroup('CREATE', 'stream', 'g', '0');
    const read = await client.xreadgroup(
      'GROUP',
      'g',
      'c',
      'COUNT',
      10,
      'BLOCK',
      10,
      'STREAMS',
      'stream',
      '>',
    );
    t.match(JSON.stringify(read), new RegExp(`"${id}",\\["f","v"\\]`));
    t.equal(await client.xack('stream', 'g', String(id)), 1);
    const keys: string[] = [];
    for await (const found of client.scanStream({ match: 'many:1*' })) keys.push(...(found as string[]));
    t.equal(new Set(keys).size, 1111);
    await everyKeyExpires(t, direct);
    t.equal(await client.quit(), 'OK');
  });

  t.test(`node-redis, RESP${protocol}`, async (t) => {
    const { direct, port } = await place(t);
    const connect = async () => {
      const client = createClient({ socket: { port, host: '127.0.0.1' }, RESP: protocol });
      client.on('error', () => {});
      await client.connect();
      t.teardown(() => client.isOpen && client.destroy());
      return client;
    };
    const client = await connect();

    t.equal(await client.set('a', '1'), 'OK');
    t.equal(await client.set('a', '2', { expiration: { type: 'EX', value: 999_999 } }), 'OK');
    t.equal(await client.get('a'), '2');
    t.equal(Number(await client.setNX('b', 'x')), 1);
    t.equal(await client.mSet({ c: '1', d: '2' }), 'OK');
    t.same(await client.mGet(['a', 'c', 'none']), ['2', '1', null]);
    t.equal(await client.incr('n'), 1);
    t.equal(await client.hSet('h', { f: 'v', g: 'w' }), 2);
    t.same({ ...(await client.hGetAll('h')) }, { f: 'v', g: 'w' });
    t.equal(await client.zAdd('z', { score: 1.5, value: 'm' }), 1);
    t.equal(await client.zScore('z', 'm'), 1.5);
    await t.rejects(client.incr('h'), /WRONGTYPE/);

    const burst = await Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        i % 2 === 0 ? client.setNX(`many:${i}`, 'x') : client.get(`many:${i - 1}`),
      ),
    );
    t.ok(burst.every((answer, i) => (i % 2 === 0 ? Number(answer) === 1 : answer === 'x')));
    t.same((await client.multi().setNX('m', '1').incr('m').exec()).map(Number), [1, 2]);
    const other = await connect();
    await client.watch('m');
    await other.set('m', '7');
    await t.rejects(client.multi().setNX('w', '1').exec(), /watched keys/i);

    const subscriber = await connect();
    const messages: string[] = [];
    const note = (message: string, channel: string) => messages.push(`${channel} ${message}`);
    await subscriber.subscribe(['news', 'other'], note);
    await subscriber.pSubscribe('n*', note);
    t.equal(await client.publish('news', 'hello'), 2);
    await until(() => messages.length === 2);
    if (protocol === 3)
      t.equal(Number(await subscriber.setNX('meanwhile', '1')), 1, 'commands while subscribed');
    await subscriber.unsubscribe();
    await subscriber.pUnsubscribe();
    t.equal(Number(await subscriber.setNX('after', '1')), 1);

    const popped = other.blPop('queue', 5);
    await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'));
    await client.rPush('queue', 'job');
    t.same({ ...(await popped) }, { key: 'queue', element: 'job' });

    const sha = await client.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    t.equal(await client.evalSha(sha, { keys: ['n'], arguments: ['5'] }), 6);

    const id = await client.xAdd('stream', '*', { f: 'v' });
    await client.xGroupCreate('stream', 'g', '0');
    const read = await client.xReadGroup('g', 'c', { key: 'stream', id: '>' }, { COUNT: 10, BLOCK: 10 });
    t.ok(JSON.stringify(read).includes(String(id)));
    t.equal(await client.xAck('stream', 'g', String(id)), 1);
    await everyKeyExpires(t, direct);
    await client.close();
  });
}

t.test('node-redis: client-side caching', async (t) => {
  const { direct, port } = await place(t);
  const client = createClient({
    socket: { port, host: '127.0.0.1' },
    RESP: 3,
    clientSideCache: { ttl: 0, maxEntries: 0 },
  });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  await direct.call('SET', 'k', 'one');
  t.equal(await client.get('k'), 'one');
  t.equal(await client.get('k'), 'one', 'from its cache');
  await direct.call('SET', 'k', 'two');
  await until(async () => (await client.get('k')) === 'two', { describe: 'the invalidation to come' });
  t.equal(Number(await client.setNX('own', '1')), 1);
  t.equal(await client.get('own'), '1');
});
