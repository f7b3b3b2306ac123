// The server's name: resolved anew for each connection, so it may come to mean another address; and a resolver that is slow
// or fails is felt by those alone who need a new connection.
import dns from 'node:dns';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const NAME = 'redis.spillway.test';
/** Of the second server. */
const LIMIT = 123 * 1024 ** 2;
/** All of 127/8 is this machine, of which servers listen on the first alone. */
const [FIRST, SECOND] = ['127.0.0.1', '127.0.0.2'];

type Answer = (error: NodeJS.ErrnoException | null, addresses?: dns.LookupAddress[]) => void;

/** What the name means; a function: what becomes of a question. */
let meaning: string | ((answer: Answer) => void) = FIRST;
let questions = 0;
const { lookup } = dns;
// Node asks for it by this property for each connection.
dns.lookup = ((host: string, options: dns.LookupOptions, callback: (...args: unknown[]) => void) => {
  if (host !== NAME) return lookup(host, options, callback as never);
  questions++;
  const answer: Answer = (error, addresses = []) => {
    const [first] = addresses;
    if (options.all || error !== null) callback(error, addresses);
    else callback(null, first?.address, first?.family);
  };
  if (typeof meaning === 'function') meaning(answer);
  else {
    const address = meaning;
    setImmediate(() => answer(null, [{ address, family: 4 }]));
  }
}) as typeof dns.lookup;
t.teardown(() => {
  dns.lookup = lookup;
});

/** Two servers by the same port of two addresses, and a proxy whose upstream is the name. */
async function named(t: Test, pool: string) {
  meaning = FIRST;
  const [one, other] = [await withRedis(t), await withRedis(t, ['--maxmemory', String(LIMIT)])];
  const door = net.createServer((near) => {
    const far = net.connect(other.port, FIRST);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
  });
  await once(door.listen(one.port, SECOND), 'listening');
  t.teardown(() => door.close());
  t.equal((door.address() as AddressInfo).port, one.port);
  const upstream = { url: `redis://${NAME}:${one.port}`, pool, sharedConnections: 1, connectTimeout: '2s' };
  const proxy = await withProxy(t, { redis: one, config: { workers: 1, upstream } });
  for (const [redis, value] of [
    [one, 'one'],
    [other, 'other'],
  ] as const) {
    const direct = await withRaw(t, redis.port);
    await direct.call('SET', 'where', value);
  }
  return { one, proxy };
}

const VALUE = /^\$\d+\r\n(\w+)\r\n$/;

for (const pool of POOLS) {
  t.test(`a name that comes to mean another address, ${pool} pooling`, async (t) => {
    const { one, proxy } = await named(t, pool);
    const where = async () => {
      const client = await withRaw(t, proxy.port, 20_000);
      const value = VALUE.exec(String(await client.call('GET', 'where')))?.[1];
      client.destroy();
      return value;
    };
    const stays = await withRaw(t, proxy.port);
    t.equal(await where(), 'one');
    t.match(String(await stays.call('GET', 'where')), 'one');
    meaning = SECOND;
    t.match(String(await stays.call('GET', 'where')), 'one', 'connections stay where they are');
    await one.stop();
    // Whoever comes now needs a new connection, which goes by what the name means now.
    await until(async () => (await where().catch(() => undefined)) === 'other', {
      timeoutMs: 20_000,
      describe: 'clients to be served by the other server',
    });
    const memory = () => proxy.admin('/api/memory');
    await until(async () => (await memory()).maxmemoryBytes === LIMIT, {
      timeoutMs: 20_000,
      describe: 'the memory monitor to be there, too',
    });
  });

  t.test(`a slow resolver, and one that fails, ${pool} pooling`, async (t) => {
    const { proxy } = await named(t, pool);
    const there = await withRaw(t, proxy.port);
    t.match(String(await there.call('GET', 'where')), 'one');
    const asked: Answer[] = [];
    meaning = (answer) => void asked.push(answer);
    // They need a connection of their own, with command pooling, too.
    const waiting = await Promise.all([1, 2, 3].map(() => withRaw(t, proxy.port, 20_000)));
    for (const client of waiting) void client.write('WATCH where\r\n');
    await until(() => asked.length >= waiting.length, { describe: 'the name to be asked for' });
    for (let i = 0; i < 100; i++) t.match(String(await there.call('GET', 'where')), 'one');
    t.equal(waiting.filter(({ closed }) => closed).length, 0, 'who waits for the resolver waits');
    for (const answer of asked.splice(0)) answer(null, [{ address: FIRST, family: 4 }]);
    for (const client of waiting) t.equal(String(await client.readReplies(1)), '+OK\r\n', 'and is served');

    meaning = (answer) =>
      setImmediate(() =>
        answer(Object.assign(new Error(`getaddrinfo ENOTFOUND ${NAME}`), { code: 'ENOTFOUND' })),
      );
    const late = await withRaw(t, proxy.port, 20_000);
    void late.write('WATCH where\r\n');
    await until(() => late.closed, { timeoutMs: 20_000, describe: 'who needs a connection to be reset' });
    t.equal(String(late.peek()), '');
    for (let i = 0; i < 100; i++) t.match(String(await there.call('GET', 'where')), 'one');
    const { upstreamFailures } = await proxy.admin('/api/connections');
    t.ok(upstreamFailures > 0, 'it is counted');

    meaning = FIRST;
    const before = questions;
    const again = await withRaw(t, proxy.port, 20_000);
    void again.write('WATCH where\r\n');
    t.equal(String(await again.readReplies(1)), '+OK\r\n', 'as soon as the name is known again');
    t.ok(questions > before);
  });
}
