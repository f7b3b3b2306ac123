// What breaks: servers that are not there, die or come back, clients that leave in the middle, values and backlogs
// larger than the proxy's memory should be. Each side must see what it would see without a proxy, and nothing may leak.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/demo/free-port.js';
import type { RedisProcess } from '../../src/demo/redis-server.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const MB = 1024 * 1024;
const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];

async function upstreamClients(direct: RawClient): Promise<number> {
  return String(await direct.call('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.startsWith('id=')).length;
}

async function clients(proxy: TestProxy): Promise<number> {
  return ((await proxy.admin('/api/connections')) as { clients: number }).clients;
}

/** Both sides of the proxy are back to what they were. */
async function nothingLeft(proxy: TestProxy, direct: RawClient, before: number): Promise<void> {
  await until(async () => (await clients(proxy)) === 0, { describe: 'the proxy to let go of its clients' });
  await until(async () => (await upstreamClients(direct)) === before, {
    describe: 'the upstream connections to be closed',
  });
}

t.test('an upstream that is not there', async (t) => {
  const port = await findFreePort();
  const proxy = await withProxy(t, { redis: { port }, config: { rules: RULES } });
  const client = await withRaw(t, proxy.port);
  void client.write(commands('SET a 1'));
  await until(() => client.closed, { timeoutMs: 1000, describe: 'the client to be told' });
  t.equal(client.error?.code, 'ECONNRESET', 'as by a dead server');
  t.equal(client.peek().length, 0);
  t.match(await proxy.admin('/api/connections'), { upstreamFailures: 1, clients: 0 });
});

/** Sends requests whose right replies it knows, until the connection ends. Returns how many were answered. */
async function load(port: number, name: string): Promise<{ answered: number; wrong: string[] }> {
  const wrong: string[] = [];
  let answered = 0;
  const client = await connectRaw(port);
  try {
    for (let round = 0; ; round++) {
      const token = `${name}-${round}`;
      const expected = [
        `$${token.length}\r\n${token}\r\n`,
        '+OK\r\n',
        `$${token.length}\r\n${token}\r\n`,
        ':1\r\n',
        ':1\r\n',
      ];
      void client.write(
        commands(
          `ECHO ${token}`,
          `SET own:${name} ${token}`,
          `GET own:${name}`,
          `SETNX n:${token} 1`,
          `INCR i:${token}`,
        ),
      );
      for (const reply of expected) {
        const [seen] = await client.readReplies(1);
        if (String(seen) !== reply) wrong.push(`${token}: ${seen}`);
        answered++;
      }
    }
  } catch (error) {
    if (!client.closed) wrong.push(String(error));
  } finally {
    client.destroy();
  }
  return { answered, wrong };
}

t.test('a server that is killed under load and comes back', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  for (let life = 0; life < 2; life++) {
    const runs = Array.from({ length: 8 }, (_, i) => load(proxy.port, `${life}-${i}`));
    const { commands: before } = (await proxy.admin('/api/connections')) as { commands: number };
    await until(
      async () => ((await proxy.admin('/api/connections')) as { commands: number }).commands > before + 2000,
    );
    await redis.kill('SIGKILL');
    for (const { answered, wrong } of await Promise.all(runs)) {
      t.same(wrong, [], 'each reply was right');
      t.ok(answered > 0);
    }
    t.equal(await clients(proxy), 0);
    const refused = await withRaw(t, proxy.port);
    await until(() => refused.closed);
    await redis.restart();
    const client = await withRaw(t, proxy.port);
    t.equal(
      String(await client.call('SETNX', 'again', 1)),
      ':1\r\n',
      'works again without a restart of the proxy',
    );
    client.destroy();
    await until(async () => (await fetch(`http://127.0.0.1:${proxy.adminPort}/readyz`)).status === 200);
  }
});

t.test('a server killed while a large reply is on its way', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis });
  const client = await withRaw(t, proxy.port);
  await client.call('SET', 'big', Buffer.alloc(20 * MB, 'v'));
  void client.write(commands('GET big'));
  await client.readExactly(100_000);
  client.socket.pause();
  await redis.kill('SIGKILL');
  client.socket.resume();
  await until(() => client.closed);
  t.match(String(client.peek().subarray(0, 100_000)), /^v+$/, 'what came was right');
});

t.test('clients that leave', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const direct = await lookAt(t, redis);
  const before = await upstreamClients(direct);
  const big = command('SET', 'k', Buffer.alloc(10 * MB, 'v'));
  await direct.call('SET', 'big', Buffer.alloc(20 * MB, 'v'));
  const ways: Record<string, (client: RawClient) => Promise<void>> = {
    'without a word': async () => {},
    'in the middle of a command': async (client) => client.write('*3\r\n$5\r\nSETNX\r\n$1\r\nk\r\n$5\r\nab'),
    'in the middle of a value that gets a TTL': async (client) => client.write(big.subarray(0, 5 * MB)),
    'in the middle of an MSET': async (client) =>
      client.write(command('MSET', 'k', 'v', 'l', Buffer.alloc(200_000)).subarray(0, 150_000)),
    'in the middle of a reply': async (client) => {
      void client.write(commands('GET big', 'GET big'));
      await client.readExactly(100_000);
    },
    blocked: async (client) => {
      void client.write(commands('BLPOP q 0'));
      await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'));
    },
    'blocked, with a transaction behind that waits for its turn': async (client) => {
      void client.write(commands('BLPOP q 0', 'MULTI', 'SETNX k 1', 'EXEC', 'SETNX l 1'));
      await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'));
    },
    subscribed: async (client) => {
      await client.call('SUBSCRIBE', 'a');
    },
    'in MULTI': async (client) => {
      void client.write(commands('MULTI', 'SETNX k 1'));
      await client.readReplies(2);
    },
    'watching everything': async (client) => {
      await client.call('MONITOR');
    },
  };
  for (const [name, leave] of Object.entries(ways)) {
    for (const how of ['end', 'reset'] as const) {
      const client = await connectRaw(proxy.port);
      await leave(client);
      if (how === 'end') client.destroy();
      else client.socket.resetAndDestroy();
      await nothingLeft(proxy, direct, before);
      t.equal(await integer(direct, 'EXISTS', 'k', 'l'), 0, `${name}, ${how}: nothing written, nothing left`);
    }
  }
});

t.test('a half-closed client still gets every reply', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const direct = await lookAt(t, redis);
  const before = await upstreamClients(direct);
  const client = await withRaw(t, proxy.port);
  const lines = Array.from({ length: 500 }, (_, i) => [
    `SETNX a:${i} v`,
    'MULTI',
    `SETNX b:${i} v`,
    'EXEC',
  ]).flat();
  void client.write(commands(...lines));
  client.end();
  t.equal(String(await client.readUntilClosed()), ':1\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n'.repeat(500));
  t.equal(await integer(direct, 'DBSIZE'), 1000);
  await nothingLeft(proxy, direct, before);
});

t.test('more clients than allowed', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { limits: { maxClients: 2 } } });
  const [one, two] = [await withRaw(t, proxy.port), await withRaw(t, proxy.port)];
  t.equal(String(await one.call('PING')), '+PONG\r\n');
  t.equal(String(await two.call('PING')), '+PONG\r\n');
  const third = await withRaw(t, proxy.port);
  t.equal(String(await third.readUntilClosed()), '-ERR max number of clients reached\r\n');
  t.match(await proxy.admin('/api/connections'), { clients: 2, clientsRejected: 1 });
  two.destroy();
  await until(async () => (await clients(proxy)) === 1);
  t.equal(String(await (await withRaw(t, proxy.port)).call('PING')), '+PONG\r\n');
});

t.test('a graceful end lets finish what is under way', async (t) => {
  const redis = await withRedis(t, ['--enable-debug-command', 'yes']);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const [idle, busy] = [await withRaw(t, proxy.port), await withRaw(t, proxy.port)];
  const blocked = await withRaw(t, proxy.port);
  const direct = await lookAt(t, redis);
  await idle.call('PING');
  void blocked.write(commands('BLPOP q 0'));
  await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'));
  const taken = async () => ((await proxy.admin('/api/connections')) as { commands: number }).commands;
  const before = await taken();
  void busy.write(commands('DEBUG SLEEP 0.1', 'SETNX k 1'));
  await until(async () => (await taken()) === before + 2);
  const closing = proxy.running.close(500);
  t.equal(String(await idle.readUntilClosed()), '', 'an idle client is let go');
  t.equal(String(await busy.readUntilClosed()), '+OK\r\n:1\r\n', 'a busy one is served first');
  await closing;
  t.equal(String(await blocked.readUntilClosed()), '', 'one that waits for ever is ended when grace is over');
  await t.rejects(connectRaw(proxy.port), /ECONNREFUSED/);
});

function residentPeak(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

const LARGE = 200 * MB;
const CHUNK = Buffer.alloc(MB, 'v');

async function inChildProcess(t: Test, redis: RedisProcess, config: object): Promise<ProxyProcess> {
  const proxy = await startProxyProcess({
    config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, log: { level: 'info' }, ...config },
  });
  t.teardown(() => proxy.stop());
  return proxy;
}

/** Waits until the kernel or our own buffer has room: this process, too, must not hold the value. */
async function send(socket: net.Socket, bytes: Buffer | string): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain');
}

async function sendLarge(socket: net.Socket, head: string, tail: string): Promise<void> {
  await send(socket, `${head}$${LARGE}\r\n`);
  for (let sent = 0; sent < LARGE; sent += CHUNK.length) await send(socket, CHUNK);
  await send(socket, `\r\n${tail}`);
}

/** Reads `n` bytes and keeps only the first and the last few. */
async function swallow(
  socket: net.Socket,
  n: number,
): Promise<{ head: string; tail: string; sound: boolean }> {
  let [head, tail, got, sound] = ['', '', 0, true];
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    const bytes = piece as Buffer;
    if (got === 0) head = bytes.toString('latin1', 0, 20);
    else if (got + bytes.length < n) sound &&= bytes[0] === CHUNK[0] && bytes[bytes.length >> 1] === CHUNK[0];
    got += bytes.length;
    tail = bytes.toString('latin1', Math.max(0, bytes.length - 20));
    if (got >= n) break;
  }
  return { head, tail, sound: sound && got === n };
}

t.test('a value of 200 MB does not show in resident memory', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await inChildProcess(t, redis, { rules: RULES });
  const direct = await lookAt(t, redis);
  const client = await withRaw(t, proxy.port, 30_000);
  await client.call('SET', 'warm', CHUNK);
  await client.call('GET', 'warm');
  const before = residentPeak(proxy.pid);
  const grown = () => residentPeak(proxy.pid) - before;
  const sets: Record<string, [head: string, tail: string, pttl: number]> = {
    'a TTL injected': ['*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n', '', 3_600_000],
    'options behind the value': [
      '*5\r\n$3\r\nSET\r\n$3\r\nbig\r\n',
      '$2\r\nEX\r\n$6\r\n999999\r\n',
      7_200_000,
    ],
    'a follow-up': ['*3\r\n$6\r\nGETSET\r\n$4\r\nsame\r\n', '', 3_600_000],
  };
  for (const [name, [head, tail, pttl]] of Object.entries(sets)) {
    await direct.call('FLUSHALL');
    await sendLarge(client.socket, head, tail);
    t.equal(
      String(Buffer.concat(await client.readReplies(1))),
      head.includes('GETSET') ? '$-1\r\n' : '+OK\r\n',
      name,
    );
    const key = head.includes('same') ? 'same' : 'big';
    const ttl = await integer(direct, 'PTTL', key);
    t.ok(ttl > pttl - 20_000 && ttl <= pttl, `${name}: PTTL ${ttl}`);
    t.equal(await integer(direct, 'STRLEN', key), LARGE);
    t.ok(grown() < 64 * MB, `${name}: grown by ${Math.round(grown() / MB)} MB`);
  }
  const reader = net.connect({ port: proxy.port, host: '127.0.0.1' });
  t.teardown(() => reader.destroy());
  reader.write(commands('GET same', 'PING'));
  const seen = await swallow(reader, `$${LARGE}\r\n`.length + LARGE + '\r\n+PONG\r\n'.length);
  t.match(seen.head, new RegExp(`^\\$${LARGE}\r\nv+`));
  t.match(seen.tail, /v\r\n\+PONG\r\n$/);
  t.ok(seen.sound);
  t.ok(grown() < 64 * MB, `GET: grown by ${Math.round(grown() / MB)} MB`);
});

t.test(
  'a client that asks for 200 MB of replies and reads none for a while',
  { timeout: 60_000 },
  async (t) => {
    const redis = await withRedis(t);
    const proxy = await inChildProcess(t, redis, { rules: RULES });
    const direct = await lookAt(t, redis);
    await direct.call('SET', 'k', Buffer.alloc(1024, 'v'));
    const warm = await withRaw(t, proxy.port);
    await warm.call('GET', 'k');
    const before = residentPeak(proxy.pid);
    const client = net.connect({ port: proxy.port, host: '127.0.0.1' });
    t.teardown(() => client.destroy());
    client.pause();
    const thousand = Buffer.concat(Array<Buffer>(1000).fill(commands('GET k')));
    for (let sent = 0; sent < 200; sent++) await send(client, thousand);
    await until(async () => (await infoCommands(direct)) > 200_000, { timeoutMs: 20_000 });
    const held = residentPeak(proxy.pid) - before;
    t.ok(held < 64 * MB, `grown by ${Math.round(held / MB)} MB`);
    const seen = await swallow(client, 200_000 * ('$1024\r\n'.length + 1024 + 2));
    t.match(seen.tail, /v\r\n$/);
    t.ok(residentPeak(proxy.pid) - before < 64 * MB);
    t.equal(String(await warm.call('GET', 'k')).length, 1033, 'others are served');
  },
);

async function infoCommands(direct: RawClient): Promise<number> {
  const text = String(await direct.call('INFO', 'commandstats'));
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}
