// Clients that leave in the middle of something, or end their side only: the server sees what it would see without a
// proxy, nothing is written that was not sent whole, and nothing is left of them on either side.
import t from 'tap';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const MB = 1024 * 1024;
const WAIT_MS = 20_000;
/** Each of its transactions waits for the one before, there and back. */
const PATIENCE_MS = 60_000;
/** The memory monitor's, and the one that looks at the server directly. */
const OWN_CONNECTIONS = 2;
const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];

async function upstreamClients(direct: RawClient): Promise<number> {
  return String(await direct.call('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.startsWith('id=')).length;
}

async function clients(proxy: TestProxy): Promise<number> {
  return (await proxy.admin('/api/connections')).clients;
}

/** Both sides of the proxy are back to what they were. */
async function nothingLeft(proxy: TestProxy, direct: RawClient): Promise<void> {
  await until(async () => (await clients(proxy)) === 0, {
    timeoutMs: WAIT_MS,
    describe: 'the proxy to let go of its clients',
  });
  await until(async () => (await upstreamClients(direct)) === OWN_CONNECTIONS, {
    timeoutMs: WAIT_MS,
    describe: 'the upstream connections to be closed',
  });
}

t.test('clients that leave', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const direct = await lookAt(t, redis);
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
      await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'), {
        timeoutMs: WAIT_MS,
      });
    },
    'blocked, with a transaction behind that waits for its turn': async (client) => {
      void client.write(commands('BLPOP q 0', 'MULTI', 'SETNX k 1', 'EXEC', 'SETNX l 1'));
      await until(async () => String(await direct.call('INFO', 'clients')).includes('blocked_clients:1'), {
        timeoutMs: WAIT_MS,
      });
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
      await nothingLeft(proxy, direct);
      t.equal(await integer(direct, 'EXISTS', 'k', 'l'), 0, `${name}, ${how}: nothing written, nothing left`);
    }
  }
});

t.test('a half-closed client still gets every reply', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const direct = await lookAt(t, redis);
  const client = await withRaw(t, proxy.port, PATIENCE_MS);
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
  await nothingLeft(proxy, direct);
});
