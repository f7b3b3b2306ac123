// The walk over all keys of real servers: one, a Sentinel's primary, a Cluster; cut connections, Ctrl-C, wrong rights.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { infoFields } from '../../src/memory/reading.js';
import { Batch, keyCommand } from '../../src/tools/keyspace/batch.js';
import type { Endpoint } from '../../src/tools/keyspace/endpoint.js';
import { Pipe, type Reply } from '../../src/tools/keyspace/pipe.js';
import { connectServers, databasesOf, modeOf } from '../../src/tools/keyspace/servers.js';
import { pageFor, type Visitor, type WalkOptions, walk } from '../../src/tools/keyspace/walk.js';
import { WalkPace } from '../../src/tools/keyspace/walk-pace.js';
import { withCluster } from '../support/cluster.js';
import { withFaultyLink } from '../support/faulty-link.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';

const NAME = 'spillway-test';
const GET = keyCommand(['GET']);
const EXPIRE = keyCommand(['PEXPIRE'], ['60000', 'NX']);

const at = (port: number): Endpoint => ({ host: '127.0.0.1', port, connectTimeoutMs: 1000 });

function client(t: Test, port: number, options = {}): Redis {
  const redis = withIoredis(t, port, options);
  return redis;
}

/** Keys with random bytes in them, and values that tell which key they are of. */
async function fill(redis: Redis, count: number): Promise<Map<string, string>> {
  const wanted = new Map<string, string>();
  const pipeline = redis.pipeline();
  for (let i = 0; i < count; i++) {
    const key = Buffer.concat([Buffer.from(`k${i}:`), randomBytes(i % 7)]);
    wanted.set(key.toString('latin1'), `value ${i}`);
    pipeline.set(key, `value ${i}`);
  }
  await pipeline.exec();
  return wanted;
}

/** Gets the value of each key. */
function collector(): Visitor & { found: Map<string, string>; pages: number } {
  const found = new Map<string, string>();
  return {
    found,
    pages: 0,
    restart() {},
    ask(keys, batch) {
      for (const key of keys) batch.about(GET, key);
    },
    take(keys, replies) {
      this.pages++;
      for (const [i, key] of keys.entries()) found.set(key.toString('latin1'), String(replies[i]));
    },
  };
}

function options(port: number, more: Partial<WalkOptions> = {}): WalkOptions {
  return { endpoint: at(port), db: 0, name: NAME, signal: new AbortController().signal, ...more };
}

t.test('every key is visited, with the replies that are its own', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const wanted = await fill(direct, 3000);
  for (const pageKeys of [1, 64, 5000]) {
    const visitor = collector();
    let [counted, last] = [0, ''];
    const onPage = (keys: number, cursor: string): void => {
      counted += keys;
      last = cursor;
    };
    t.equal(await walk(options(redis.port, { pageKeys, onPage }), visitor), true);
    t.same(visitor.found, wanted);
    t.equal(counted, wanted.size);
    t.equal(last, '0');
  }
});

t.test('pages of a server that is far away are larger, and the way is paid less often', async (t) => {
  const redis = await withRedis(t);
  await fill(client(t, redis.port), 2000);
  const link = await withFaultyLink(t, redis.port, 1);
  link.poison({ down: { latency: { ms: 20 } } });
  const [near, far] = [collector(), collector()];
  t.equal(await walk(options(redis.port), near), true);
  t.equal(await walk(options(link.port), far), true);
  t.same(far.found, near.found);
  t.ok(far.pages <= 15, `${far.pages} pages`);
  t.ok(near.pages > far.pages, `${near.pages} pages near by`);
  t.strictSame([0.04, 0.2, 0.5, 3].map(pageFor), [20, 20, 80, 200]);
});

t.test('each database is walked by itself, and no empty one', async (t) => {
  const redis = await withRedis(t);
  await client(t, redis.port).set('a', 'zero');
  await client(t, redis.port, { db: 3 }).set('b', 'three', 'EX', 100);
  const servers = await connectServers(at(redis.port), NAME);
  t.teardown(() => servers.close());
  t.equal(servers.kind, 'standalone');
  const [server] = servers.all;
  t.strictSame(await databasesOf(server), [
    { db: 0, keys: 1, expires: 0 },
    { db: 3, keys: 1, expires: 1 },
  ]);
  t.strictSame(await databasesOf(server, 5), [{ db: 5, keys: 0, expires: 0 }]);
  for (const [db, found] of [
    [0, [['a', 'zero']]],
    [3, [['b', 'three']]],
    [5, []],
  ] as const) {
    const visitor = collector();
    await walk(options(redis.port, { db }), visitor);
    t.same([...visitor.found], found);
  }
});

t.test('a connection that is lost again and again costs no key', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const wanted = await fill(direct, 2000);
  const visitor = collector();
  let killed = 0;
  const walked = walk(options(redis.port, { pageKeys: 20 }), {
    ask: visitor.ask,
    restart: () => t.fail('it is the same server'),
    async take(keys, replies) {
      visitor.take(keys, replies, '0');
      if (visitor.pages % 15 !== 0) return;
      const mine = /id=(\d+) [^\n]*name=spillway-test/.exec(String(await direct.client('LIST')))?.[1];
      if (mine !== undefined) killed += Number(await direct.client('KILL', 'ID', mine));
    },
  });
  t.equal(await walked, true);
  t.ok(killed > 3, `${killed} times`);
  t.same(visitor.found, wanted);
});

t.test('a server that goes away is waited for, but not for ever', async (t) => {
  const redis = await withRedis(t, ['--appendonly', 'yes', '--appendfsync', 'always']);
  const wanted = await fill(client(t, redis.port, { retryStrategy: () => 50 }), 500);
  const visitor = collector();
  let away: Promise<void> | undefined;
  let restarts = 0;
  await walk(options(redis.port, { pageKeys: 20 }), {
    ask: visitor.ask,
    restart() {
      restarts++;
      visitor.found.clear();
    },
    take(keys, replies) {
      visitor.take(keys, replies, '0');
      away ??= redis.kill('SIGKILL').then(() => redis.restart());
    },
  });
  await away;
  t.same(visitor.found, wanted, 'its table is another one after the restart: all keys are visited again');
  t.equal(restarts, 1);
  const gone = walk(options(redis.port, { pageKeys: 20, patienceMs: 100 }), {
    ask: visitor.ask,
    restart() {},
    async take() {
      await redis.kill('SIGKILL');
    },
  });
  await t.rejects(gone, { name: 'ConnectionLost' });
});

t.test('keys that take the server long come in smaller pages, quick ones in larger ones again', async (t) => {
  const redis = await withRedis(t);
  const wanted = await fill(client(t, redis.port), 1000);
  const pages: number[] = [];
  const visitor = collector();
  await walk(options(redis.port, { pageKeys: 50 }), {
    ask: visitor.ask,
    restart() {},
    take(keys, replies, next) {
      pages.push(keys.length);
      visitor.take(keys, replies, next);
    },
    // A millisecond for each, for a while.
    weigh: (replies) => (visitor.found.size < 300 ? replies.length : 0.001),
  });
  t.same(visitor.found, wanted);
  // However few are left for it.
  pages.pop();
  const least = pages.indexOf(Math.min(...pages));
  t.ok((pages[0] as number) >= 50 && (pages[least] as number) < 10, `${pages}`);
  t.ok(Math.max(...pages.slice(least)) >= 50, `${pages}`);
});

t.test('delays of this process do not count as delays of the server', async (t) => {
  const redis = await withRedis(t);
  const notes: (string | undefined)[] = [];
  const onPause = (reason: string | undefined): void => void notes.push(reason);
  const pace = await WalkPace.begin(client(t, redis.port), { onPause });
  t.teardown(() => pace.close());
  // As if others had the processor: 20 ms of each 21.
  const others = setInterval(() => {
    const till = performance.now() + 20;
    while (performance.now() < till);
  }, 1);
  t.teardown(() => clearInterval(others));
  const looked = async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1]);
  const direct = client(t, redis.port);
  const before = await looked();
  await until(async () => (await looked()) >= before + 30);
  t.notOk(
    notes.some((note) => /the server/.test(note ?? '')),
    `${notes}`,
  );
  // Others come first, and then it goes on: never two looks in a row.
  t.ok(notes.includes(undefined));
  t.ok(
    notes.every((note, i) => (note === undefined) === (i % 2 === 1)),
    `${notes}`,
  );
});

t.test('a cursor of another run of the server is not gone on with', async (t) => {
  const redis = await withRedis(t);
  const wanted = await fill(client(t, redis.port), 300);
  const run = /run_id:(\w+)/.exec(await client(t, redis.port).info('server'))?.[1] as string;
  const visitor = collector();
  // A cursor of which most keys are behind.
  const cursor = '255';
  t.equal(await walk(options(redis.port, { cursor, run }), visitor), true);
  t.ok(visitor.found.size < wanted.size, 'of this run it is');
  t.equal(await walk(options(redis.port, { cursor, run: 'another' }), visitor), true);
  t.same(visitor.found, wanted);
});

t.test('a server that closes idle connections does not end a walk that waits', async (t) => {
  const redis = await withRedis(t, ['--timeout', '1']);
  const watching = client(t, redis.port, { keepAlive: 0 });
  const wanted = await fill(watching, 50);
  const visitor = collector();
  let waits = 0;
  // Until a client that asked nothing meanwhile was closed.
  const pace = async (): Promise<void> => {
    if (waits++ > 0) return;
    const idle = net.connect(redis.port, '127.0.0.1');
    await once(idle, 'close');
  };
  t.equal(await walk(options(redis.port, { pace, patienceMs: 0 }), visitor), true);
  t.same(visitor.found, wanted);
  t.equal(visitor.pages, waits, 'each page was waited for once, on one connection');
});

t.test('a walk ends where it is told to, and continues from there', async (t) => {
  const redis = await withRedis(t);
  const wanted = await fill(client(t, redis.port), 1000);
  const visitor = collector();
  const ending = new AbortController();
  let cursor = '0';
  const onPage = (_: number, next: string): void => {
    cursor = next;
    if (visitor.pages === 5) ending.abort();
  };
  t.equal(await walk(options(redis.port, { pageKeys: 20, onPage, signal: ending.signal }), visitor), false);
  t.ok(visitor.found.size < wanted.size);
  t.equal(await walk(options(redis.port, { pageKeys: 20, cursor }), visitor), true);
  t.same(visitor.found, wanted);
});

t.test('commands in any number and size come with their replies', async (t) => {
  const redis = await withRedis(t);
  await client(t, redis.port).set('a', '1');
  const pipe = await Pipe.connect(at(redis.port), 0, NAME);
  t.teardown(() => pipe.close());
  const large = Buffer.alloc(3_000_000, 'x');
  const batch = new Batch();
  batch.command('SET', 'large', large);
  batch.about(GET, Buffer.from('large'));
  batch.about(EXPIRE, Buffer.from('large'));
  batch.about(EXPIRE, Buffer.from('large'));
  batch.about(EXPIRE, Buffer.from('none'));
  batch.command('NONSENSE');
  const [replies, none] = await Promise.all([pipe.ask(batch), pipe.ask(new Batch())]);
  const shown = replies.map((reply: Reply) => (reply instanceof Error ? 'error' : reply));
  t.same(shown, [Buffer.from('OK'), large, 1, 0, 0, 'error']);
  t.same(none, []);
});

t.test('a rate is kept to, and a server that is slow or busy is left alone', async (t) => {
  const redis = await withRedis(t, ['--enable-debug-command', 'yes']);
  const direct = client(t, redis.port);
  const { signal } = new AbortController();
  const slow = await WalkPace.begin(direct, { maxRate: 1000 });
  t.teardown(() => slow.close());
  const begun = performance.now();
  for (let i = 0; i < 10; i++) await slow.go(20, signal);
  t.ok(performance.now() - begun >= 190, 'never faster than the rate');

  const notes: (string | undefined)[] = [];
  const onPause = (reason: string | undefined): void => void notes.push(reason);
  const pace = await WalkPace.begin(client(t, redis.port), { onPause });
  t.teardown(() => pace.close());
  t.equal(pace.go(64, signal), undefined, 'nothing to wait for');
  const slowly = (note: string | undefined) => /^the server answers in .* ms/.test(note ?? '');
  // Answers late for as long as it sleeps, to whoever asks.
  const busy = (async () => {
    while (!notes.some(slowly)) await direct.call('DEBUG', 'SLEEP', 0.05);
  })();
  await until(() => notes.some(slowly));
  const ended = new AbortController();
  const waits = pace.go(64, ended.signal);
  await busy;
  await waits;
  t.equal(notes.at(-1), undefined);
});

t.test('errors say what is wrong and what to do', async (t) => {
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  const refused = { name: 'ServerError' };
  await t.rejects(connectServers(at(redis.port), NAME), {
    ...refused,
    message: /^127\.0\.0\.1:\d+: NOAUTH .*SPILLWAY_UPSTREAM_PASSWORD/,
  });
  await t.rejects(connectServers({ ...at(redis.port), password: 'wrong' }, NAME), {
    ...refused,
    message: /WRONGPASS/,
  });
  const admin = client(t, redis.port, { password: 'secret' });
  await admin.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '+ping', '+client', '+scan', '+info');
  const servers = await connectServers({ ...at(redis.port), username: 'reader', password: 'pw' }, NAME);
  servers.close();
  await admin.set('a', '1');
  const visitor = collector();
  await walk(
    options(redis.port, { endpoint: { ...at(redis.port), username: 'reader', password: 'pw' } }),
    visitor,
  );
  t.match(visitor.found.get('a'), /NOPERM/, 'what is refused of one key is for the visitor to judge');
  await t.rejects(
    walk(options(redis.port, { endpoint: { ...at(redis.port), password: 'x' } }), visitor),
    refused,
  );
  await redis.kill('SIGSTOP');
  await t.rejects(connectServers({ ...at(redis.port), connectTimeoutMs: 200 }, NAME), {
    ...refused,
    message: /no answer within 200 ms .*check the address/,
  });
  await redis.kill('SIGCONT');
  await redis.stop();
  await t.rejects(connectServers(at(redis.port), NAME), {
    ...refused,
    message: /ECONNREFUSED .*check that the server runs/,
  });
  await t.rejects(connectServers({ ...at(1), host: 'no.such.host.invalid' }, NAME), {
    ...refused,
    message: /has no address/,
  });
});

t.test('the mode of a server is known by either name', async (t) => {
  // As Valkey 8.1.1 says it in INFO server.
  const valkey =
    '# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\nserver_mode:cluster\r\n';
  t.equal(modeOf(infoFields(valkey)), 'cluster');
  t.equal(modeOf(infoFields('redis_version:7.0.15\r\nredis_mode:sentinel\r\n')), 'sentinel');
});

t.test('all primaries of a Cluster are found from any node', async (t) => {
  const { nodes, clients, set } = await withCluster(t);
  const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`);
  for (const key of keys) await set(key, key);
  for (const { port } of nodes) {
    const servers = await connectServers(at(port), NAME);
    t.teardown(() => servers.close());
    t.equal(servers.kind, 'cluster');
    t.same(servers.all.map(({ endpoint }) => endpoint.port).sort(), nodes.map((node) => node.port).sort());
    const visitor = collector();
    for (const { endpoint } of servers.all) await walk(options(0, { endpoint }), visitor);
    t.same([...visitor.found.keys()].sort(), keys.sort());
  }
  // Any node may be asked whether the Cluster is down.
  for (const node of clients) {
    await node.cluster('DELSLOTS', 0);
    await until(async () => String(await node.cluster('INFO')).includes('cluster_state:fail'));
  }
  await t.rejects(connectServers(at(nodes[0].port), NAME), { name: 'ServerError', message: /is down/ });
});

t.test('a Sentinel leads to its primary', async (t) => {
  const primary = await withRedis(t);
  const sentinel = await withSentinel(t, primary.port);
  await client(t, primary.port).set('a', '1');
  const where = { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], primary: SENTINEL_PRIMARY };
  const servers = await connectServers({ ...at(0), sentinel: where }, NAME);
  t.teardown(() => servers.close());
  t.equal(servers.kind, 'sentinel');
  t.strictSame(
    servers.all.map(({ name }) => name),
    [`127.0.0.1:${primary.port}`],
  );
  t.strictSame(await databasesOf(servers.all[0]), [{ db: 0, keys: 1, expires: 0 }]);
  // One that knows another server under this name, and comes first.
  const [liar, third] = [
    await withSentinel(t, (await withRedis(t)).port),
    await withSentinel(t, primary.port),
  ];
  const three = [liar, sentinel, third].map(({ port }) => ({ host: '127.0.0.1', port }));
  const agreed = await connectServers({ ...at(0), sentinel: { ...where, sentinels: three } }, NAME);
  t.teardown(() => agreed.close());
  t.equal(agreed.all[0]?.endpoint.port, primary.port, 'two of three name it');
  t.equal(await agreed.placement(), `127.0.0.1:${primary.port}`);
  await t.rejects(connectServers(at(sentinel.port), NAME), {
    name: 'ServerError',
    message: /is a Sentinel.*redis-sentinel:\/\/127\.0\.0\.1/,
  });
  await t.rejects(connectServers({ ...at(0), sentinel: { ...where, primary: 'other' } }, NAME), {
    name: 'ServerError',
    message: /Sentinel .*primary "other"/,
  });
});
