// How many clients there may be and how long they may be silent, with Redis's own wording and its own silence:
// compared with a server that has the same limit itself.
import t from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { type TestScope, withRedis } from '../support/redis.js';
import { commands, integer, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n';
const ALLOWED = 20;
const BURST = 1_000;

async function connections(proxy: TestProxy): Promise<ConnectionSnapshot> {
  return await proxy.admin('/api/connections');
}

/** What became of each of many who came at once: what it was told, or an answer to PING. */
async function burst(port: number): Promise<{ served: RawClient[]; texts: string[] }> {
  const clients = await Promise.all(Array.from({ length: BURST }, () => connectRaw(port, 30_000)));
  // Whoever is refused is told without being asked, and all but those few are.
  await until(() => clients.filter(({ closed }) => closed).length >= BURST - ALLOWED, { timeoutMs: 30_000 });
  const served = clients.filter(({ closed }) => !closed);
  const refused = clients.filter(({ closed }) => closed);
  const texts = await Promise.all(refused.map(async (client) => String(await client.readUntilClosed())));
  for (const client of refused) client.destroy();
  return { served, texts };
}

t.test('more clients than allowed, a thousand at once', { timeout: 120_000 }, async (t) => {
  const [limited, behind] = await Promise.all([
    withRedis(t, ['--maxclients', String(ALLOWED)]),
    withRedis(t),
  ]);
  const proxy = await withProxy(t, { redis: behind, config: { limits: { maxClients: ALLOWED } } });
  for (const [name, port] of Object.entries({ direct: limited.port, spillway: proxy.port })) {
    const { served, texts } = await burst(port);
    t.equal(served.length, ALLOWED, `${name}: as many as allowed are served`);
    t.ok(
      texts.every((text) => text === MAX_CLIENTS_ERROR),
      `${name}: everybody else is told why`,
    );
    for (const client of served) t.equal(String(await client.call('PING')), '+PONG\r\n');
    served[0]?.destroy();
    const next = await until(
      async () => {
        const client = await withRaw(t, port, 30_000);
        void client.write(commands('PING'));
        const reply = String(await client.readExactly('+PONG\r\n'.length));
        return reply === '+PONG\r\n' && client;
      },
      { describe: `${name}: room for another once one has left` },
    );
    for (const client of [...served, next]) client.destroy();
  }
  await until(async () => (await connections(proxy)).clients === 0, { describe: 'all of them to be gone' });
  const { clientsRejected, clientsTotal } = await connections(proxy);
  t.ok(clientsRejected >= BURST - ALLOWED);
  t.ok(clientsTotal >= ALLOWED + 1);
});

/** States of a client that does nothing, and whether Redis's `timeout` closes it. */
const STATES: Record<string, { begin: (client: RawClient) => Promise<unknown>; closed: boolean }> = {
  'has never said a word': { begin: async () => {}, closed: true },
  'was answered': { begin: (client) => client.call('PING'), closed: true },
  'has sent half a command': { begin: (client) => client.write('*2\r\n$3\r\nGET\r\n$5\r\nab'), closed: true },
  'is in MULTI': { begin: (client) => client.call('MULTI'), closed: true },
  'watches a key': { begin: (client) => client.call('WATCH', 'k'), closed: true },
  'wants no replies': { begin: (client) => client.write(commands('CLIENT REPLY OFF', 'PING')), closed: true },
  'is blocked': { begin: (client) => client.write(commands('BLPOP q 0')), closed: false },
  'is subscribed': { begin: (client) => client.call('SUBSCRIBE', 'c'), closed: false },
  'is subscribed in RESP3': {
    begin: async (client) => {
      await client.call('HELLO', '3');
      await client.call('SUBSCRIBE', 'c');
    },
    closed: false,
  },
  'is subscribed to a pattern': { begin: (client) => client.call('PSUBSCRIBE', 'c*'), closed: false },
  'was subscribed': {
    begin: async (client) => {
      await client.call('SUBSCRIBE', 'c');
      await client.call('UNSUBSCRIBE');
    },
    closed: true,
  },
  watches: { begin: (client) => client.call('MONITOR'), closed: false },
};

interface Idler {
  readonly client: RawClient;
  readonly closed: boolean;
}

/** One idle client in each state, the ones that are not to be closed first, so that theirs would have come first. */
async function idlers(t: TestScope, port: number): Promise<Record<string, Idler>> {
  const states = Object.entries(STATES).sort(([, a], [, b]) => Number(a.closed) - Number(b.closed));
  const all: Record<string, Idler> = {};
  for (const [state, { begin, closed }] of states) {
    const client = await withRaw(t, port, 30_000);
    await begin(client);
    all[state] = { client, closed };
  }
  return all;
}

t.test('silent clients are closed after limits.idleTimeout', { timeout: 120_000 }, async (t) => {
  const [direct, behind] = await Promise.all([withRedis(t, ['--timeout', '1']), withRedis(t)]);
  const proxy = await withProxy(t, {
    redis: behind,
    config: {
      limits: { idleTimeout: '1s' },
      // Else what the monitor asks would show to the client in MONITOR, which would not be silent then.
      memory: { pollInterval: '60s', staleAfter: '300s' },
    },
  });
  const places: [string, number, RedisProcess][] = [
    ['direct', direct.port, direct],
    ['spillway', proxy.port, behind],
  ];
  await Promise.all(
    places.map(async ([place, port, redis]) => {
      const idle = await idlers(t, port);
      const due = Object.values(idle).filter(({ closed }) => closed);
      const allClosed = () => due.every(({ client }) => client.closed);
      await until(allClosed, {
        timeoutMs: 30_000,
        describe: () =>
          `${place}: ${Object.entries(idle).flatMap(([state, { client, closed }]) => (closed && !client.closed ? [state] : []))} to be closed`,
      });
      // Whoever comes now is closed in its turn; whoever should stay has been silent for longer than that by then.
      const later = await withRaw(t, port, 30_000);
      await until(() => later.closed, { timeoutMs: 30_000, describe: `${place}: a later one to be closed` });
      for (const [state, { client, closed }] of Object.entries(idle)) {
        t.equal(client.closed, closed, `${place}: a client that ${state} is ${closed ? 'closed' : 'kept'}`);
        if (closed) t.equal(client.error, undefined, `${place}: in order`);
        if (closed) t.equal(client.peek().length, 0, `${place}: silently`);
      }
      // Counted before anybody is woken, and thereby due in a second.
      if (place === 'spillway') t.equal((await connections(proxy)).clientsTimedOut, due.length + 1);
      const control = await lookAt(t, redis);
      await control.call('PUBLISH', 'c', 'hello');
      await control.call('RPUSH', 'q', 'job');
      t.match(String(await idle['is blocked']?.client.readReplies(1)), /job/, `${place}: woken`);
      t.match(String(await idle['is subscribed']?.client.readReplies(1)), /hello/, `${place}: told`);
      t.match(String(await idle['is subscribed in RESP3']?.client.readReplies(1)), /hello/, `${place}: told`);
    }),
  );
});

t.test('a client that sends byte by byte is not silent', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { limits: { idleTimeout: '1s' } } });
  const [dribbler, silent] = [await withRaw(t, proxy.port, 30_000), await withRaw(t, proxy.port, 30_000)];
  let bytes = 0;
  // One byte of an endless number whenever there is a look, until somebody who is silent has been closed.
  await until(
    async () => {
      if (bytes < 50_000) await dribbler.write(bytes++ === 0 ? 'P' : 'I');
      return silent.closed;
    },
    { timeoutMs: 30_000 },
  );
  t.notOk(dribbler.closed);
  void dribbler.write('\r\n');
  t.match(String(await dribbler.readReplies(1)), /^-ERR unknown command 'PI+'/);
});

t.test('a silent subscriber is closed once it has unsubscribed', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { limits: { idleTimeout: '100ms' } } });
  const subscriber = await withRaw(t, proxy.port, 30_000);
  await subscriber.call('SUBSCRIBE', 'news');
  // Opened later and silent, so by the time it is closed the subscriber has been silent for long enough, too.
  const silent = await withRaw(t, proxy.port, 30_000);
  await silent.call('PING');
  await silent.readUntilClosed();
  t.notOk(subscriber.closed, 'not while it is subscribed');
  await subscriber.call('UNSUBSCRIBE', 'news');
  t.equal(String(await subscriber.readUntilClosed()), '');
});

t.test('a client that Spillway does not read is not silent', { timeout: 90_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { limits: { idleTimeout: '3s' } } });
  const direct = await lookAt(t, redis);
  const client = await withRaw(t, proxy.port, 60_000);
  const sets = Array.from({ length: 4000 }, (_, i) => command('SET', `k${i}`, Buffer.alloc(4000, 'v')));
  void client.write(Buffer.concat([command('CLIENT', 'REPLY', 'OFF'), command('SET', 'begun', '1')]));
  await until(async () => (await integer(direct, 'EXISTS', 'begun')) === 1, {
    timeoutMs: 30_000,
    describe: 'commands to be taken in silence',
  });
  await redis.kill('SIGSTOP');
  // No reply is due to it, and more waits for the server than may: so it is not read.
  void client.write(Buffer.concat(sets));
  await until(async () => (await connections(proxy)).pausedClients === 1, {
    timeoutMs: 30_000,
    describe: 'the client not to be read',
  });
  // It comes later, so by its end the other one has been silent for long enough, too.
  const later = await withRaw(t, proxy.port, 30_000);
  await until(() => later.closed, { timeoutMs: 30_000, describe: 'a silent one to be closed' });
  t.notOk(client.closed);
  await redis.kill('SIGCONT');
  await until(async () => (await integer(direct, 'DBSIZE')) === sets.length + 1, {
    timeoutMs: 30_000,
    describe: 'all that it has sent to be executed',
  });
});
