// Command pooling where the server is slower for some than for others: what it puts off keeps nobody's reads waiting, what
// it is silent on is given up once it answers elsewhere, and who is owed much does not cost the others their connection.
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import type { PoolSnapshot } from '../../src/observe/snapshots/connections.js';
import { type FaultyLink, withFaultyLink } from '../support/faulty-link.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 30_000 };
const LOST = /^-ERR spillway lost its connection to the server before the reply/;

interface Lab {
  readonly redis: RedisProcess;
  readonly link: FaultyLink;
  readonly proxy: TestProxy;
  /** Straight at the server. */
  readonly look: RawClient;
  open(): Promise<RawClient>;
  pool(): Promise<PoolSnapshot>;
}

async function lab(t: Test, upstream: Record<string, unknown> = {}, args: string[] = []): Promise<Lab> {
  const redis = await withRedis(t, args);
  const link = await withFaultyLink(t, redis.port, 1);
  const proxy = await withProxy(t, {
    redis: link,
    config: { rules: [], upstream: { pool: 'command', responseTimeout: '400ms', ...upstream } },
  });
  const look = await lookAt(t, redis);
  return {
    ...{ redis, link, proxy, look },
    open: () => withRaw(t, proxy.port, PATIENCE.timeoutMs),
    pool: async () => (await proxy.admin('/api/connections')).pool as PoolSnapshot,
  };
}

async function openMany({ open }: Lab, count: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, open));
  for (const client of clients) {
    // One after the other, so that both kinds of connections are made.
    await client.call('SET', 'k', 'v');
    await client.call('GET', 'k');
  }
  return clients;
}

for (const sharedConnections of [1, 2, 4]) {
  t.test(
    `${sharedConnections} shared: reads do not wait behind writes that the server puts off`,
    async (t) => {
      const pooled = await lab(t, { sharedConnections });
      const { look } = pooled;
      const [writer, mixer, reader, late] = await openMany(pooled, 4);
      await look.call('CLIENT', 'PAUSE', '600000', 'WRITE');
      void writer.write(commands('PUBLISH c m', 'SET k w', 'GET k'));
      void mixer.write(commands('GET k', 'SET mixed 1', 'GET mixed'));
      for (let round = 0; round < 200; round++) {
        t.equal(String(await reader.call('GET', 'k')), '$1\r\nv\r\n');
        if (round === 100) t.equal(String(await late.call('GET', 'k')), '$1\r\nv\r\n');
      }
      t.equal(String((await mixer.readReplies(1))[0]), '$1\r\nv\r\n', 'a read before its own write');
      // The silence lasts: the connection is doubted, and rightly kept.
      await until(async () => (await pooled.pool()).sharedConnections >= 3, PATIENCE);
      for (let i = 0; i < 100; i++) await reader.call('GET', 'k');
      void late.write(commands('PFCOUNT k'));
      await look.call('CLIENT', 'UNPAUSE');
      t.same((await writer.readReplies(3)).map(String), [':0\r\n', '+OK\r\n', '$1\r\nw\r\n']);
      t.same(
        (await mixer.readReplies(2)).map(String),
        ['+OK\r\n', '$1\r\n1\r\n'],
        'in the order of its commands',
      );
      t.match(String((await late.readReplies(1))[0]), /^-WRONGTYPE/);
      t.match(await pooled.pool(), { sharedConnectionsLost: 0, sharedConnectionsSilent: 0 });
    },
  );
}

for (const kind of ['reads', 'writes', 'both'] as const) {
  t.test(`a connection that goes silent without an end is given up: ${kind} are owed`, async (t) => {
    const pooled = await lab(t);
    const clients = await openMany(pooled, 6);
    pooled.link.silence();
    const ask = (i: number): Buffer =>
      kind === 'reads' || (kind === 'both' && i % 2 === 0) ? command('GET', 'k') : command('INCR', 'n');
    for (const [i, client] of clients.entries()) void client.write(ask(i));
    for (const client of clients) t.match(String((await client.readReplies(1))[0]), LOST);
    // Nobody else asked anything meanwhile: by now it has shown on all of them.
    await until(async () => (await pooled.pool()).sharedConnectionsSilent === 2, PATIENCE);
    for (const client of clients) {
      void client.write(commands('GET k', 'INCR n'));
      t.match((await client.readReplies(2)).map(String), ['$1\r\nv\r\n', /^:\d+\r\n$/]);
    }
    t.equal((await pooled.pool()).commandsLost, clients.length, 'no command but those that were owed');
  });
}

t.test(
  'a client that comes while a connection is silent is served; one that left no longer counts',
  async (t) => {
    const pooled = await lab(t, { responseTimeout: '1s' });
    const before = await openMany(pooled, 3);
    for (let round = 0; round < 2; round++) {
      pooled.link.silence();
      for (const client of before.splice(0)) {
        void client.write(commands('GET k', 'INCR n'));
        client.end();
      }
      // Who asks before it has shown may lose what it asks, once on each connection.
      let lost = 0;
      for (let served = 0; served < 5; ) {
        const client = await pooled.open();
        const replies = [String(await client.call('GET', 'k')), String(await client.call('INCR', 'm'))];
        if (replies.some((reply) => LOST.test(reply))) lost++;
        else {
          t.match(replies, ['$1\r\nv\r\n', /^:\d+\r\n$/]);
          served++;
        }
        client.destroy();
      }
      t.ok(lost <= 2, `${lost} clients lost what they asked`);
    }
    const clients = async () => (await pooled.proxy.admin('/api/connections')).clients;
    await until(async () => (await clients()) === 0, PATIENCE);
  },
);

t.test(
  'a user who may not run scripts: what others are answered tells that writes are not put off',
  async (t) => {
    const pooled = await lab(t);
    await pooled.look.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-@scripting', '-ping');
    const [first, second] = [await pooled.open(), await pooled.open()];
    for (const client of [first, second]) {
      await client.call('AUTH', 'app', 'secret');
      await client.call('INCR', 'n');
    }
    pooled.link.silence();
    void first.write(command('INCR', 'n'));
    await until(async () => (await pooled.pool()).sharedConnectionsTotal >= 3, PATIENCE);
    // Nobody knows yet whether the server only puts writes off.
    let counted = 0;
    while (first.peek().length === 0) {
      const reply = String(await second.call('INCR', 'm'));
      if (!LOST.test(reply)) t.equal(reply, `:${++counted}\r\n`);
    }
    t.match(String(first.peek()), LOST);
  },
);

t.test(
  'silence that has a reason: a busy script, a server that stands still',
  { timeout: 60_000 },
  async (t) => {
    const pooled = await lab(t, { responseTimeout: '100ms', shareCommands: ['EVAL'] }, [
      '--lua-time-limit',
      '50',
      '--enable-debug-command',
      'yes',
    ]);
    const [scripted, reader] = await openMany(pooled, 2);
    void scripted.write(command('EVAL', "redis.call('SET', 'began', 1) while true do end", '0'));
    await until(async () => String(await reader.call('GET', 'k')).startsWith('-BUSY'), PATIENCE);
    for (let i = 0; i < 100; i++) t.match(String(await reader.call('GET', 'k')), /^-BUSY/);
    const other = await pooled.open();
    // Long enough to be taken for dead: until the writes' connection is doubted, and another one asked.
    await until(async () => (await pooled.pool()).sharedConnections >= 3, PATIENCE);
    void other.write(command('SET', 'k', 'w'));
    t.match(String((await other.readReplies(1))[0]), /^-BUSY/, 'as it would be told without a proxy');
    // It has written, so nothing but a signal or SHUTDOWN NOSAVE ends it: reads have to go on as they do.
    t.match(await pooled.pool(), { sharedConnectionsSilent: 0 });
    await pooled.redis.kill('SIGKILL');
    t.match(String((await scripted.readReplies(1))[0]), LOST);
  },
);

t.test('a server that stands still for long loses nothing', async (t) => {
  const pooled = await lab(t, { responseTimeout: '100ms' });
  const clients = await openMany(pooled, 4);
  await pooled.redis.kill('SIGSTOP');
  for (const client of clients) void client.write(commands('INCR n', 'GET k'));
  const late = await pooled.open();
  void late.write(commands('GET k', 'INCR n'));
  // The proxy looks for other ways meanwhile, but not for ever more of them.
  const opened = async () => Number(pooled.link.accepted);
  const before = await opened();
  await until(async () => (await opened()) > before + 2, PATIENCE);
  await pooled.redis.kill('SIGCONT');
  const numbers: number[] = [];
  for (const client of clients) {
    const [number, value] = (await client.readReplies(2)).map(String);
    numbers.push(Number(number.slice(1)));
    t.equal(value, '$1\r\nv\r\n');
  }
  const [value, number] = (await late.readReplies(2)).map(String);
  t.equal(value, '$1\r\nv\r\n');
  numbers.push(Number(number.slice(1)));
  t.same(numbers.sort(), [1, 2, 3, 4, 5], 'each is run once');
  await until(async () => (await pooled.pool()).sharedConnections <= 2, PATIENCE);
  t.match(await pooled.pool(), { sharedConnectionsLost: 0, commandsLost: 0 });
});
