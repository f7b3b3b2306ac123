// Where the proxy listens and where it connects to, other than IPv4: unix sockets, IPv6, names whose addresses change,
// and clients whose address a PROXY header tells.

import dns from 'node:dns';
import { once } from 'node:events';
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { startProxy } from '../../src/runtime/proxy.js';
import { withFolder } from '../support/folder.js';
import { POOL, POOLS, withProxy } from '../support/proxy.js';
import { fromAddress, proxyHeader } from '../support/proxy-header.js';
import { command, RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const folder = withFolder(t, 'spillway-unix-');
const redisSocket = path.join(folder, 'redis.sock');
const redis = await withRedis(t, ['--unixsocket', redisSocket, '--bind', '127.0.0.1', '::1']);
let sockets = 0;
const freshPath = (): string => path.join(folder, `${++sockets}.sock`);

async function withUnix(t: Test, socketPath: string): Promise<RawClient> {
  const socket = net.connect({ path: socketPath, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return new RawClient(socket, 5000);
}

/** Somebody else who listens at this path. */
async function occupy(t: Test, socketPath: string): Promise<net.Server> {
  const server = net.createServer((socket) => socket.destroy()).listen(socketPath);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

for (const pool of POOLS) {
  t.test(`pool ${pool}: unix sockets on both sides`, async (t) => {
    const own = freshPath();
    const proxy = await withProxy(t, {
      redis,
      config: {
        listen: `unix:${own}`,
        upstream: { url: `unix://${redisSocket}?db=0`, pool },
        rules: [{ name: 'cache', match: 'cache:*', ttl: '1h' }],
      },
    });
    t.equal(proxy.running.address.path, own);
    t.equal(statSync(own).mode & 0o777, 0o600, 'nobody else may connect');
    const ioredis = new Redis({ path: own });
    t.teardown(() => ioredis.disconnect());
    t.equal(await ioredis.set('cache:unix', 'x'), 'OK');
    t.ok((await ioredis.pttl('cache:unix')) > 0, 'the rule is in force');
    const value = Buffer.alloc(5_000_000, 'v');
    await ioredis.set('large', value);
    t.ok((await ioredis.getBuffer('large'))?.equals(value));
    const client = await withUnix(t, own);
    void client.write(command('QUIT'));
    t.equal((await client.readUntilClosed()).toString(), '+OK\r\n');
    t.match(await proxy.admin('/api/memory'), { upstreamVersion: /^\d/ }, 'the monitor reads it, too');
    await proxy.running.stop(0);
    t.notOk(existsSync(own), 'the file goes with the proxy');
  });
}

t.test('the mode of the socket is as configured, and the process its own again', async (t) => {
  const before = process.umask();
  const own = freshPath();
  await withProxy(t, { redis, config: { listen: `unix:${own}`, listenMode: '0660' } });
  t.equal(statSync(own).mode & 0o777, 0o660);
  t.equal(process.umask(), before);
});

t.test('while the server at a unix socket is gone, so is the data port', async (t) => {
  const gone = path.join(folder, 'gone.sock');
  const server = await occupy(t, gone);
  const proxy = await withProxy(t, { redis, config: { upstream: { url: `unix://${gone}` } } });
  const listening = async () => (await proxy.admin('/api/connections')).listening;
  t.ok(await listening());
  const client = await withRaw(t, proxy.port);
  server.close();
  void client.write(command('PING'));
  await until(async () => !(await listening()), { describe: 'the data port to close' });
  await occupy(t, gone);
  await until(listening, { describe: 'the data port to open again' });
});

t.test('a socket file that nobody listens at is removed; anything else is left alone', async (t) => {
  const start = (own: string) => {
    const parsed = configSchema.parse({
      listen: `unix:${own}`,
      admin: { listen: false },
      upstream: { url: `redis://127.0.0.1:${redis.port}` },
    });
    return startProxy(compileConfig(parsed), pino({ level: 'silent' }));
  };
  const stale = freshPath();
  // A listening socket under another name: its file outlives it, as that of a process that was killed.
  const killed = net.createServer().listen(`${stale}.first`);
  await once(killed, 'listening');
  renameSync(`${stale}.first`, stale);
  await new Promise((resolve) => killed.close(resolve));
  t.ok(existsSync(stale));
  const running = await start(stale);
  t.teardown(() => running.stop(0));
  t.equal((await (await withUnix(t, stale)).call('PING')).toString(), '+PONG\r\n');

  await t.rejects(start(stale), { code: 'EADDRINUSE' }, 'a running process keeps its socket');
  t.equal((await (await withUnix(t, stale)).call('PING')).toString(), '+PONG\r\n');

  const file = freshPath();
  writeFileSync(file, 'not a socket');
  await t.rejects(start(file), { code: 'EADDRINUSE' });
  t.equal(statSync(file).size, 12, 'a file that is no socket stays');
});

t.test('IPv6 to clients, to the server and to the admin server', async (t) => {
  const proxy = await withProxy(t, {
    redis,
    config: {
      listen: '[::1]:0',
      admin: { listen: '[::1]:0' },
      upstream: { url: `redis://[::1]:${redis.port}`, pool: POOL },
    },
  });
  const socket = net.connect(proxy.port, '::1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const client = new RawClient(socket, 5000);
  t.match((await client.call('CLIENT', 'INFO')).toString(), ` addr=[::1]:`);
  const answer = await fetch(`http://[::1]:${proxy.adminPort}/api/connections`);
  t.match(await answer.json(), { clients: 1 });
});

t.test('a name is resolved again for each connection, and its addresses are tried in turn', async (t) => {
  const everywhere = await withRedis(t, ['--bind', '127.0.0.1', '127.0.0.2', '127.0.0.3']);
  const lookup = dns.lookup;
  const at4 = (address: string): dns.LookupAddress => ({ address, family: 4 });
  let addresses = [at4('127.0.0.2')];
  t.teardown(() => Object.assign(dns, { lookup }));
  Object.assign(dns, {
    lookup: (name: string, ...rest: [object, (error: null, found: dns.LookupAddress[]) => void]) => {
      if (name !== 'redis.test') Reflect.apply(lookup, dns, [name, ...rest]);
      else process.nextTick(rest[1], null, addresses);
    },
  });
  const url = `redis://redis.test:${everywhere.port}`;
  const proxy = await withProxy(t, { redis, config: { upstream: { url, pool: 'session' } } });
  const at = async (): Promise<string> => {
    const client = await withRaw(t, proxy.port);
    return (await client.call('CLIENT', 'INFO')).toString();
  };
  t.match(await at(), 'laddr=127.0.0.2:');
  addresses = [at4('127.0.0.3')];
  t.match(await at(), 'laddr=127.0.0.3:', 'the name has moved');
  addresses = [at4('127.0.0.4'), at4('127.0.0.3')];
  t.match(await at(), 'laddr=127.0.0.3:', 'nobody listens at the first of two');
});

t.test('PROXY headers', async (t) => {
  const proxied = await withProxy(t, { redis, config: { proxyProtocol: { from: ['127.0.0.1'] } } });
  const ping = command('PING');
  const header = fromAddress('192.0.2.1', 50_000);

  await t.test('cut anywhere, with the first commands behind', async (t) => {
    const bytes = Buffer.concat([header, ping, ping]);
    const clients = await Promise.all(
      Array.from({ length: bytes.length - 1 }, async (_, i) => {
        const client = await withRaw(t, proxied.port);
        await client.write(bytes.subarray(0, i + 1));
        return client;
      }),
    );
    await until(async () => {
      const { clients: n } = await proxied.admin('/api/connections');
      return n === clients.length;
    });
    for (const [i, client] of clients.entries()) void client.write(bytes.subarray(i + 1));
    for (const client of clients) {
      t.equal((await client.readReplies(2)).join(''), '+PONG\r\n+PONG\r\n');
      client.destroy();
    }
  });

  await t.test('LOCAL, as health checks send it', async (t) => {
    const client = await withRaw(t, proxied.port);
    void client.write(Buffer.concat([proxyHeader(0x20, 0), ping]));
    t.equal((await client.readReplies(1)).join(''), '+PONG\r\n');
  });

  await t.test('a missing or bad PROXY header ends the connection', async (t) => {
    for (const bytes of [ping, Buffer.concat([header.subarray(0, 11), ping]), proxyHeader(0x21, 0x11)]) {
      const client = await withRaw(t, proxied.port);
      void client.write(bytes);
      t.equal((await client.readUntilClosed()).length, 0);
    }
    await until(async () => {
      const { proxyHeadersRefused: n } = await proxied.admin('/api/connections');
      return n === 3;
    });
  });

  await t.test('an end in the middle', async (t) => {
    const client = await withRaw(t, proxied.port);
    void client.write(header.subarray(0, 20));
    client.end();
    t.equal((await client.readUntilClosed()).length, 0);
  });

  await t.test('a PROXY header from any other address gets the answer of Redis', async (t) => {
    const other = await withProxy(t, {
      redis,
      // With it on, a header in words is a question to it.
      config: { proxyProtocol: { from: ['192.0.2.0/24', 'unix'] }, console: false },
    });
    const inWords = Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.9 50000 6380\r\n');
    for (const bytes of [header, inWords]) {
      const [direct, through] = await Promise.all(
        [redis.port, other.port].map(async (port) => {
          const client = await withRaw(t, port);
          void client.write(Buffer.concat([bytes, ping]));
          client.end();
          return (await client.readUntilClosed()).toString('latin1');
        }),
      );
      t.equal(through, direct);
    }
  });

  await t.test('by unix socket', async (t) => {
    const own = freshPath();
    await withProxy(t, { redis, config: { listen: `unix:${own}`, proxyProtocol: { from: ['unix'] } } });
    const client = await withUnix(t, own);
    void client.write(Buffer.concat([header, ping]));
    t.equal((await client.readReplies(1)).join(''), '+PONG\r\n');
  });
});
