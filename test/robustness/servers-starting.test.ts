// Servers that answer, and let nobody in yet: while they load their data, and for want of the right password. The
// client gets the server's own words, and the proxy gets ready by itself.
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { withProxy } from '../support/proxy.js';
import { connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, lookAt, withTwins } from '../support/twins.js';
import { until } from '../support/wait.js';
import { asDirect, ending, readiness, untilReady } from './servers-both.js';

const RULES = [{ name: 'every', match: '*', ttl: '1h', applyTo: 'all' }];

const KEYS = 2000;
/** Arguments of a server that loads its keys so slowly, and looks at its clients often meanwhile. */
const slowly = (microsecondsPerKey: number): string[] => [
  ...['--key-load-delay', String(microsecondsPerKey), '--loading-process-events-interval-bytes', '1024'],
  ...['--enable-debug-command', 'yes'],
];

/** A new connection to a server that answers -LOADING. */
async function untilLoading(t: Test, port: number): Promise<RawClient> {
  return until(
    async () => {
      const client = await connectRaw(port).catch(() => undefined);
      const answer = await client?.call('PING').catch(() => undefined);
      if (client !== undefined && String(answer).startsWith('-LOADING')) {
        t.teardown(() => client.destroy());
        return client;
      }
      client?.destroy();
      return undefined;
    },
    { timeoutMs: 20_000, describe: 'the server to be loading' },
  );
}

/** Kills a server with data on its disk and starts it again. Returns once it loads; and its being loaded. */
async function reload(t: Test, redis: RedisProcess): Promise<{ direct: RawClient; loaded: Promise<void> }> {
  const before = await lookAt(t, redis);
  await before.call('DEBUG', 'POPULATE', KEYS, 'key', 100);
  await before.call('SAVE');
  await redis.kill('SIGKILL');
  const loaded = redis.restart();
  const direct = await untilLoading(t, redis.port);
  return { direct, loaded };
}

const hurry = (direct: RawClient): Promise<Buffer> => direct.call('CONFIG', 'SET', 'key-load-delay', 0);

t.test('a server that loads answers as without Spillway', { timeout: 120_000 }, async (t) => {
  const twins = await withTwins(t, { rules: RULES }, slowly(10_000));
  await asDirect(t, twins, '-LOADING', async ({ redis, open }) => {
    const { direct, loaded } = await reload(t, redis);
    const eta = async () => Number(/loading_eta_seconds:(\d+)/.exec(String(await direct.call('INFO')))?.[1]);
    // Whoever asks now is told to come back much later.
    await until(async () => (await eta()) >= 8, { timeoutMs: 20_000 });
    const client = await open();
    void client.write(
      commands('GET a; SETNX a 1; MSET a 1 b 2; MULTI; SETNX c 1; EXEC; PING; SELECT 0; PUBLISH c x'),
    );
    const seen = await client.readReplies(9);
    await hurry(direct);
    await loaded;
    return [...seen, await client.call('SETNX', 'a', 1), await client.call('EXISTS', `key:${KEYS - 1}`)];
  });
  t.comment(`ready ${await untilReady(twins, 5000)} ms after the data was loaded`);
  t.ok((await integer(await lookAt(t, twins.behind), 'PTTL', 'a')) > 0, 'rules are at work');
});

t.test(
  'a proxy that starts while its server loads serves once it has loaded',
  { timeout: 120_000 },
  async (t) => {
    const redis = await withRedis(t, slowly(6000));
    const { direct, loaded } = await reload(t, redis);
    const proxy = await withProxy(t, { redis, config: { rules: RULES, upstream: { connectTimeout: '1s' } } });
    const client = await withRaw(t, proxy.port);
    t.match(
      String(await client.call('GET', 'a')),
      /^-LOADING \w+ is loading the dataset in memory\r\n$/,
      'it listens',
    );
    await hurry(direct);
    await loaded;
    t.equal(String(await client.call('SETNX', 'a', 1)), ':1\r\n');
  },
);

t.test('clients log in although the proxy has a wrong password', async (t) => {
  const args = ['--requirepass', 'right'];
  const [direct, behind] = [await withRedis(t, args), await withRedis(t, args)];
  const url = `redis://:wrong@127.0.0.1:${behind.port}`;
  const proxy = await withProxy(t, { redis: behind, config: { rules: RULES, upstream: { url } } });
  const twins = { direct, behind, proxy };
  t.equal(await readiness(twins), 200, 'clients log in for themselves: so they can be served');
  await asDirect(t, twins, 'passwords', async ({ open, direct }) => {
    const [client, pipelining, admin] = [await open(), await open(), await direct()];
    await admin.call('AUTH', 'right');
    // One that fails begins its turn: behind other replies Redis from 7.2 on says nothing of it.
    const refused: Buffer[] = [];
    for (const turn of [
      ['GET a', 'SETNX a 1'],
      ['AUTH wrong', 'SETNX a 1'],
      ['HELLO 3 AUTH default wrong', 'MULTI', 'EXEC'],
    ]) {
      void client.write(commands(...turn));
      refused.push(...(await client.readReplies(turn.length)));
    }
    void pipelining.write(commands('AUTH right', 'SETNX a 1', 'MULTI', 'SETNX b 1', 'EXEC'));
    const admitted = await pipelining.readReplies(5);
    void pipelining.write(commands('AUTH wrong', 'GET a'));
    admitted.push(...(await pipelining.readReplies(2)));
    // Where connections are shared, it now is on one that stands: a new one would want the new password.
    const settled = await pipelining.call('PING');
    const changed = await admin.call('CONFIG', 'SET', 'requirepass', 'new');
    const fresh = await open();
    void fresh.write(commands('AUTH right', 'SETNX c 1', 'AUTH new', 'SETNX c 1'));
    const after = [...(await fresh.readReplies(4)), await pipelining.call('SETNX', 'd', 1)];
    await admin.call('CONFIG', 'SET', 'requirepass', 'right');
    void fresh.write(commands('QUIT'));
    return [...refused, ...admitted, settled, changed, ...after, await ending(fresh)];
  });
  const admin = await lookAt(t, behind);
  await admin.call('AUTH', 'right');
  for (const key of 'abcd') t.ok((await integer(admin, 'PTTL', key)) > 0, `${key} has its TTL`);

  const readings = async () => (await proxy.admin('/api/memory')).polls;
  t.equal(await readings(), 0);
  await admin.call('CONFIG', 'SET', 'requirepass', 'wrong');
  await until(async () => (await readings()) > 0, { describe: 'the memory monitor to be let in' });
  const client = await withRaw(t, proxy.port);
  t.match(String(await client.call('GET', 'a')), /^-NOAUTH/, 'which lets no client in');
});
