// Servers that are not there, die, and come back. What each client sees is what it would see without a proxy: an
// end, or a reset where the server had not read all; and the proxy serves again as soon as there is a server.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { pino } from 'pino';
import t from 'tap';
import { FATE_UNKNOWN } from '../support/ledger.js';
import { POOL, withProxy } from '../support/proxy.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, withTwins } from '../support/twins.js';
import { until } from '../support/wait.js';
import { asDirect, ending, firstAnswer, type Place, untilInfo, untilReady } from './servers-both.js';
import { killUnderLoad } from './servers-kill.js';

const RULES = [{ name: 'every', match: '*', ttl: '1h', applyTo: 'all' }];

t.test('a server that is killed under load and restarted', { timeout: 120_000 }, async (t) => {
  const { recoveryMs, readyMs } = await killUnderLoad(t, 3, 1);
  t.comment(`first answer after ${recoveryMs} ms, ready after ${readyMs} ms`);
});

/** Resolves once a connection to the port is refused. */
async function untilRefused(port: number): Promise<void> {
  const refused = async () =>
    connectRaw(port).then(
      (client) => void client.destroy(),
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    );
  await until(refused, { describe: 'connections to be refused' });
}

t.test('a server that is not there at the start, comes, dies and comes back', async (t) => {
  const redis = await withRedis(t);
  await redis.kill('SIGKILL');
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  for (const life of [1, 2]) {
    await untilRefused(proxy.port);
    t.match(
      await proxy.admin('/api/connections'),
      { listening: false, clients: 0 },
      `refused before ${life}`,
    );
    await redis.restart();
    await firstAnswer(proxy.port);
    const client = await withRaw(t, proxy.port);
    t.equal(String(await client.call('SET', 'a', life)), '+OK\r\n');
    t.match(await proxy.admin('/api/connections'), { listening: true });
    await redis.kill('SIGKILL');
    await ending(client);
  }
});

t.test('the data port is taken while the server is away', async (t) => {
  const redis = await withRedis(t);
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  const proxy = await withProxy(t, { redis, config: { rules: RULES }, log });
  await redis.kill('SIGKILL');
  await untilRefused(proxy.port);
  const other = net.createServer().listen(proxy.port, '127.0.0.1');
  await once(other, 'listening');
  await redis.restart();
  await until(() => lines.some((line) => line.includes('could not open the data port again')));
  other.close();
  await firstAnswer(proxy.port);
});

t.test('a client whose connection ends finds the data port closed', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  // The end of this one, a moment before, makes the proxy look at a server that is still there.
  const [other, direct] = [await withRaw(t, proxy.port), await withRaw(t, redis.port)];
  await other.call('CLIENT', 'SETNAME', 'other');
  const clients = await Promise.all(
    ['PING', 'CLIENT ID', 'SUBSCRIBE news', 'WATCH a', 'SET a 1'].map(async (line) => {
      const client = await withRaw(t, proxy.port);
      await client.call(...line.split(' '));
      return client;
    }),
  );
  const again = clients.map(async (client) => {
    await client.readUntilClosed().catch(() => {});
    const late = await connectRaw(proxy.port).catch(({ code }: NodeJS.ErrnoException) => code);
    if (typeof late === 'object') late.destroy();
    return typeof late === 'object' ? 'accepted' : late;
  });
  await direct.call(
    'CLIENT',
    'KILL',
    'ID',
    String(await other.call('CLIENT', 'ID'))
      .slice(1)
      .trim(),
  );
  await other.readUntilClosed();
  await redis.kill('SIGKILL');
  t.strictSame(
    await Promise.all(again),
    clients.map(() => 'ECONNREFUSED'),
  );
});

t.test('an end of one connection is not the end of the server', async (t) => {
  const proxy = await withProxy(t, { redis: await withRedis(t), config: { rules: RULES } });
  for (let i = 0; i < 20; i++) {
    const client = await withRaw(t, proxy.port);
    await client.call('QUIT');
    await client.readUntilClosed();
    t.match(await proxy.admin('/api/connections'), { listening: true });
  }
});

/** Bytes that wait in the kernel to be read by the server that listens on `port`. */
function unread(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(local) && fields[3] === '01')
    .reduce((sum, fields) => sum + Number.parseInt(fields[4].split(':')[1], 16), 0);
}

/** Sends what the server, stopped, does not read; far more than the memory monitor asks. */
async function sendUnread({ redis }: Place, client: RawClient, bytes: Buffer): Promise<void> {
  await redis.kill('SIGSTOP');
  void client.write(bytes);
  await until(() => unread(redis.port) >= 20_000, { timeoutMs: 20_000, describe: 'bytes to be unread' });
}

/** What a client is doing when its server dies. */
const OCCUPATIONS: Readonly<Record<string, (client: RawClient, place: Place) => Promise<unknown>>> = {
  nothing: (client) => client.call('SETNX', 'a', 1),
  'waiting for a list': async (client, { direct }) => {
    void client.write(commands('SETNX b 1', 'BLPOP q 0', 'SETNX c 1'));
    // A server that is killed in the turn in which it answered may not have sent the answer.
    await client.readReplies(1);
    await untilInfo(await direct(), 'clients', 'blocked_clients:1');
  },
  subscribed: (client) => client.call('SUBSCRIBE', 'news'),
  'in a transaction': async (client) => {
    void client.write(commands('MULTI', 'SETNX d 1'));
    await client.readReplies(2);
  },
  'watching all commands': (client) => client.call('MONITOR'),
  'sending what the server does not read': async (client, place) => {
    // Where it shares, there is a connection for writes by then, and its replies are known to be small.
    void client.write(Buffer.concat(Array<Buffer>(64).fill(commands('SETNX e 1'))));
    await client.readReplies(64);
    await sendUnread(place, client, Buffer.concat(Array<Buffer>(1000).fill(commands('SETNX e 1'))));
  },
  'in the middle of a value that the server does not read': async (client, place) => {
    await client.call('PING');
    await sendUnread(place, client, command('SET', 'f', Buffer.alloc(500_000)).subarray(0, 400_000));
  },
};

/**
 * How a connection ended, in terms of one that is not shared: where it is, each command that the server had not read
 * is answered with an error, in place of the reset.
 */
function unshared(end: string): string {
  const lost = String(FATE_UNKNOWN);
  return POOL === 'command' && end.startsWith(lost) && end.replaceAll(lost, '') === 'end'
    ? 'ECONNRESET'
    : end;
}

t.test('what a client sees of the death of its server', { timeout: 120_000 }, async (t) => {
  const twins = await withTwins(t, { rules: RULES });
  for (const [name, occupy] of Object.entries(OCCUPATIONS)) {
    await asDirect(t, twins, name, async (place) => {
      const client = await place.open();
      await occupy(client, place);
      // MONITOR shows the memory monitor's commands as well: only how it ends is compared.
      await place.redis.kill('SIGKILL');
      const end = unshared((await ending(client)).replace(/^\+\d.*\r\n/gm, ''));
      await place.redis.restart();
      await firstAnswer(place.port);
      const again = await place.open();
      return [end, await again.call('SETNX', 'again', 1)];
    });
  }
  await untilReady(twins);
});

t.test('a server that is killed while a large reply is on its way', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis });
  const client = await withRaw(t, proxy.port);
  await client.call('SET', 'big', Buffer.alloc(20 * 1024 * 1024, 'v'));
  void client.write(commands('GET big'));
  await client.readExactly(100_000);
  client.socket.pause();
  await redis.kill('SIGKILL');
  client.socket.resume();
  await until(() => client.closed);
  t.match(String(client.peek().subarray(0, 100_000)), /^v+$/, 'what came was right');
});
