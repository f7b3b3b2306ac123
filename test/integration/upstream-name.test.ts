// The server's name: resolved anew for each connection, so it may come to mean another address; and a resolver that is slow
// or fails is felt by those alone who need a new connection.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import t, { type Test } from 'tap';
import { type Answer, FIRST, SECOND, unknown, withName, withTwoServers } from '../support/named-server.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { until } from '../support/wait.js';

/** Of the second server. */
const LIMIT = 123 * 1024 ** 2;
const dns = withName(t, 'redis.spillway.test');

/** Two servers by the same port of two addresses, and a proxy whose upstream is the name. */
async function named(t: Test, pool: string) {
  dns.meaning = FIRST;
  const [one, other] = await withTwoServers(t, () => ['--maxmemory', String(LIMIT)]);
  const upstream = {
    url: `redis://${dns.name}:${one.port}`,
    pool,
    sharedConnections: 1,
    connectTimeout: '15s',
  };
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

/** An address where connections are neither made nor refused: nobody takes those that wait, and no more may wait. */
const SILENT = '127.0.0.3';
const LISTEN =
  "require('net').createServer().listen({ ...JSON.parse(process.argv[1]) }, () => console.log('up'))";
const MAY_WAIT = 1;

async function withSilent(t: Test, port: number): Promise<void> {
  const place = { host: SILENT, port };
  const listener = spawn(process.execPath, ['-e', LISTEN, JSON.stringify({ ...place, backlog: MAY_WAIT })]);
  t.teardown(() => listener.kill('SIGKILL'));
  await once(listener.stdout, 'data');
  listener.kill('SIGSTOP');
  const waiting = Array.from({ length: MAY_WAIT + 1 }, () => net.connect(place));
  t.teardown(() => {
    for (const socket of waiting) socket.destroy();
  });
  await Promise.all(waiting.map((socket) => once(socket, 'connect')));
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
    dns.meaning = SECOND;
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
    dns.meaning = (answer) => void asked.push(answer);
    // They need a connection of their own, with command pooling, too.
    const waiting = await Promise.all([1, 2, 3].map(() => withRaw(t, proxy.port, 20_000)));
    for (const client of waiting) void client.write('WATCH where\r\n');
    await until(() => asked.length >= waiting.length, { describe: 'the name to be asked for' });
    for (let i = 0; i < 100; i++) t.match(String(await there.call('GET', 'where')), 'one');
    t.equal(waiting.filter(({ closed }) => closed).length, 0, 'who waits for the resolver waits');
    for (const answer of asked.splice(0)) answer(null, [{ address: FIRST, family: 4 }]);
    for (const client of waiting) t.equal(String(await client.readReplies(1)), '+OK\r\n', 'and is served');

    dns.meaning = unknown(dns);
    const late = await withRaw(t, proxy.port, 20_000);
    void late.write('WATCH where\r\n');
    await until(() => late.closed, { timeoutMs: 20_000, describe: 'who needs a connection to be reset' });
    t.equal(String(late.peek()), '');
    for (let i = 0; i < 100; i++) t.match(String(await there.call('GET', 'where')), 'one');
    const { upstreamFailures } = await proxy.admin('/api/connections');
    t.ok(upstreamFailures > 0, 'it is counted');

    dns.meaning = FIRST;
    const before = dns.questions;
    const again = await withRaw(t, proxy.port, 20_000);
    void again.write('WATCH where\r\n');
    t.equal(String(await again.readReplies(1)), '+OK\r\n', 'as soon as the name is known again');
    t.ok(dns.questions > before);
  });

  t.test(`a name with two addresses, of which the first is silent, ${pool} pooling`, async (t) => {
    const { one, proxy } = await named(t, pool);
    await withSilent(t, one.port);
    const both = [SILENT, FIRST].map((address) => ({ address, family: 4 }));
    const there = await withRaw(t, proxy.port, 20_000);
    t.match(String(await there.call('GET', 'where')), 'one');
    dns.meaning = (answer) => void setImmediate(() => answer(null, both));
    const before = dns.questions;
    for (let i = 0; i < 3; i++) {
      const client = await withRaw(t, proxy.port, 20_000);
      t.match(String(await client.call('GET', 'where')), 'one');
      t.equal(String(await client.call('WATCH', 'where')), '+OK\r\n', 'by a connection of its own');
    }
    t.ok(dns.questions >= before + 3, 'each of these connections was made by the name');
    // All connections end, those of the memory monitor, too.
    const admin = await withRaw(t, one.port);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const asked = dns.questions;
    await until(async () => {
      const client = await withRaw(t, proxy.port, 20_000);
      return String(await client.call('GET', 'where').catch(() => '')).includes('one');
    });
    await admin.call('CONFIG', 'SET', 'maxmemory', String(LIMIT));
    await until(
      async () => dns.questions > asked && (await proxy.admin('/api/memory')).maxmemoryBytes === LIMIT,
      { describe: 'the memory monitor to be there, too' },
    );
    const { upstreamFailures } = await proxy.admin('/api/connections');
    t.equal(upstreamFailures, 0, 'no connection failed');
  });
}
