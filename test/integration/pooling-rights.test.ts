// Rights with command pooling, against a real server: a client may do what a connection of its own might, made when the
// client came and logged in when it did. One server for all, reset between the tests; each test in both pooling modes
// where that means something.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { PoolSnapshot } from '../../src/observe/snapshots/connections.js';
import { withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const redis = await withRedis(t);
const look = await lookAt(t, redis);
const upstream = { sharedConnections: 2 };
const pooled = await withProxy(t, { redis, config: { upstream: { pool: 'command', ...upstream } } });
const own = await withProxy(t, { redis, config: { upstream: { pool: 'session', ...upstream } } });
const POOLS = [
  ['command', pooled],
  ['session', own],
] as const;

const ask = async (client: RawClient, line: string): Promise<string> => {
  void client.write(commands(line));
  return String(Buffer.concat(await client.readReplies(1)));
};
const told = (line: string): Promise<string> => ask(look, line);

/** The default user needs no password. */
async function opens(): Promise<void> {
  // It remembers the last one: the same again would change nothing.
  await told('CONFIG SET requirepass ""');
  await told('ACL SETUSER default on nopass ~* &* +@all');
}

/** The server as it began: one user, who needs no password. */
async function anew(): Promise<void> {
  await opens();
  for (const user of ['alice', 'bob', 'nobody']) await told(`ACL DELUSER ${user}`);
  await told('FLUSHALL');
  await told('ACL LOG RESET');
}

t.afterEach(anew);

t.test('Spillway asks nothing for itself that a user may be forbidden', async (t) => {
  for (const [pool, proxy] of POOLS) {
    await t.test(pool, async (t) => {
      await told('ACL SETUSER alice on >a ~* +get +set +select +multi +exec +subscribe');
      await told(
        'ACL SETUSER default resetkeys ~k -@all +get +set +acl +info +client +config +command +select +randomkey +pttl +memory',
      );
      await told('ACL LOG RESET');
      const greetings = ['GET k', 'AUTH alice a', 'HELLO 2 AUTH alice a SETNAME me', 'HELLO 3 AUTH alice a'];
      for (const greeting of greetings) {
        const client = await withRaw(t, proxy.port);
        void client.write(commands(greeting, 'GET k', 'SET k v'));
        await client.readReplies(3);
        if (greeting.includes('alice')) {
          void client.write(commands('SELECT 2', 'GET k', 'MULTI', 'GET k', 'EXEC', 'GET k'));
          await client.readReplies(6);
        }
      }
      t.equal(await told('ACL LOG'), '*0\r\n', 'no command was denied');
    });
  }
});

/** A client of the proxy with command pooling that the server has let in, or not, as it is now. */
async function comes(t: Test): Promise<RawClient> {
  const client = await withRaw(t, pooled.port);
  await settled();
  return client;
}

t.test(
  'a client whose password was changed logs in with the new one, as on its own connection',
  async (t) => {
    for (const [pool, proxy] of POOLS) {
      for (const login of ['AUTH alice new', 'HELLO 3 AUTH alice new SETNAME me']) {
        await t.test(`${pool}, ${login}`, async (t) => {
          await told('ACL SETUSER alice on resetpass >old ~* +@all');
          const client = await withRaw(t, proxy.port);
          t.equal(await ask(client, 'AUTH alice old'), '+OK\r\n');
          t.equal(await ask(client, 'SELECT 2'), '+OK\r\n');
          t.equal(await ask(client, 'SET k in-2'), '+OK\r\n');
          await settled();
          await told('ACL SETUSER alice resetpass >new');
          const reply = await ask(client, login);
          t.notMatch(reply, /^-/);
          t.match(await ask(client, 'ACL WHOAMI'), /alice/);
          t.match(await ask(client, 'GET k'), /in-2/, 'in its database');
          await settled();
          t.match(await ask(client, 'MULTI'), /OK/, 'on a connection that is logged in anew');
          t.match(await ask(client, 'DISCARD'), /OK/);
        });
      }
    }
    await t.test('command, a wrong one', async (t) => {
      await told('ACL SETUSER alice on resetpass >old ~* +@all');
      const client = await withRaw(t, pooled.port);
      await ask(client, 'AUTH alice old');
      await ask(client, 'GET k');
      await settled();
      await told('ACL SETUSER alice resetpass >new');
      t.match(await ask(client, 'AUTH alice wrong'), /^-WRONGPASS/);
      t.match(await ask(client, 'ACL WHOAMI'), /alice/, 'it goes on with its old rights');
      t.equal(await ask(client, 'AUTH alice new'), '+OK\r\n');
    });
  },
);

/** It is known of each client what it may do. */
async function settledAtAll(): Promise<void> {
  await until(async () => {
    const { pool } = (await pooled.admin('/api/connections')) as { pool: PoolSnapshot };
    return pool.clientsWaiting === 0;
  });
}

/** It is known of each client what it may do, and none has a connection of its own that it does not need. */
async function settled(): Promise<void> {
  await until(async () => {
    const { pool } = (await pooled.admin('/api/connections')) as { pool: PoolSnapshot };
    return pool.clientsWaiting === 0 && pool.parkedConnections === 0;
  });
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';

const WAYS = {
  'CONFIG SET requirepass': 'CONFIG SET requirepass secret',
  'ACL SETUSER default off': 'ACL SETUSER default off',
  'ACL SETUSER default resetpass': 'ACL SETUSER default resetpass',
  'ACL SETUSER default >secret': 'ACL SETUSER default resetpass >secret',
};

for (const [what, close] of Object.entries(WAYS)) {
  t.test(`${what}: later clients are refused, present ones stay`, async (t) => {
    await told('SET k v');
    const [speaks, silent] = [await comes(t), await comes(t)];
    t.equal(await ask(speaks, 'GET k'), '$1\r\nv\r\n');
    await told('ACL SETUSER bob on >b ~none +@all');
    await told(close);
    const late = await comes(t);
    t.equal(await ask(late, 'GET k'), NOAUTH);
    t.equal(await ask(late, 'MULTI'), NOAUTH);
    t.equal(await ask(late, 'GET k'), NOAUTH, 'however often it asks');
    const pipelines = await withRaw(t, pooled.port);
    void pipelines.write(
      commands('GET k', 'SET k w', 'AUTH bob nonsense', 'GET k', 'AUTH bob b', 'GET k', 'RESET', 'GET k'),
    );
    const replies = (await pipelines.readReplies(8)).map((reply) => String(reply).slice(0, 8));
    t.same(replies, [
      '-NOAUTH ',
      '-NOAUTH ',
      '-WRONGPA',
      '-NOAUTH ',
      '+OK\r\n',
      '-NOPERM ',
      '+RESET\r\n',
      '-NOAUTH ',
    ]);
    for (const client of [speaks, silent]) {
      t.equal(await ask(client, 'GET k'), '$1\r\nv\r\n', 'one that was there has the rights that it had');
      t.equal(await ask(client, 'MULTI'), NOAUTH, 'which no other connection has any more');
      t.equal(String(await client.readUntilClosed()), '', 'so it is told, by the end of its own');
    }
    await opens();
    t.equal(
      await ask(await comes(t), 'GET k'),
      '$1\r\nv\r\n',
      'who comes when no password is wanted is let in',
    );
    t.equal(await ask(late, 'GET k'), '$1\r\nv\r\n', 'and who is there may, as long as none is');
    await told(close);
    t.equal(await ask(late, 'GET k'), NOAUTH);
  });
}

/** What makes a client need a connection of its own for a moment, or gives it another identity. */
const GREETINGS = [
  ...[['HELLO 2'], ['HELLO 3'], ['HELLO 3', 'HELLO 2'], ['SELECT 0'], ['SELECT 1'], ['CLIENT SETNAME me']],
  ...[
    ['MULTI', 'EXEC'],
    ['GET k', 'CLIENT SETNAME me'],
    ['GET k', 'HELLO 3', 'GET k', 'SELECT 1'],
  ],
  ...[
    ['AUTH alice a'],
    ['HELLO 3 AUTH alice a SETNAME me', 'SELECT 1'],
    ['AUTH alice a', 'RESET', 'HELLO 3'],
  ],
];

t.test('a client keeps its rights when it is silent after its greeting', async (t) => {
  for (const [pool, proxy] of POOLS) {
    await t.test(pool, async (t) => {
      await told('ACL SETUSER alice on >a ~* +@all');
      const clients: RawClient[] = [];
      for (const greeting of GREETINGS) {
        const client = await withRaw(t, proxy.port);
        await settledAtAll();
        for (const line of greeting) t.notMatch(await ask(client, line), /^-/, line);
        clients.push(client);
      }
      if (pool === 'command') await settled();
      await told('CONFIG SET requirepass secret');
      await told('ACL SETUSER alice resetpass >b');
      for (const [i, client] of clients.entries()) {
        t.notMatch(await ask(client, 'GET k'), /^-/, `GET, after ${GREETINGS[i].join(', ')}`);
        t.equal(await ask(client, 'SET k v'), '+OK\r\n', `SET, after ${GREETINGS[i].join(', ')}`);
      }
    });
    await anew();
  }
});

t.test(
  'a client that came while a login was required is answered as then, even after the requirement has ended',
  async (t) => {
    const questions = ['HELLO 2', 'GET k', 'HELLO 3', 'MULTI', 'GET k', 'EXEC', 'GET k', 'RESET', 'GET k'];
    await told('SET k v');
    for (const silent of [true, false]) {
      await told('CONFIG SET requirepass secret');
      const twin = await withRaw(t, redis.port);
      const client = await comes(t);
      if (!silent) for (const one of [twin, client]) t.equal(await ask(one, 'GET k'), NOAUTH);
      await opens();
      for (const question of questions) {
        const due = await ask(twin, question);
        t.equal(
          await ask(client, question),
          due,
          `${silent ? 'a silent one' : 'one that has asked'}: ${question}`,
        );
      }
      // RESET has made it as one that comes now.
      t.match(await ask(client, 'HELLO 2'), /^\*\d+\r\n/);
    }
  },
);

t.test('RESET takes the rights of a login, and gives those of a client that connects now', async (t) => {
  await told('SET k v');
  await told('ACL SETUSER alice on >a ~* +@all');
  const there = await comes(t);
  const alice = await comes(t);
  t.equal(await ask(alice, 'AUTH alice a'), '+OK\r\n');
  t.equal(await ask(alice, 'RESET'), '+RESET\r\n');
  t.equal(await ask(alice, 'GET k'), '$1\r\nv\r\n', 'no password is wanted');
  t.equal(await ask(alice, 'AUTH alice a'), '+OK\r\n');
  await told('CONFIG SET requirepass secret');
  t.equal(await ask(alice, 'GET k'), '$1\r\nv\r\n');
  t.equal(await ask(alice, 'RESET'), '+RESET\r\n');
  t.equal(await ask(alice, 'GET k'), NOAUTH);
  t.match(await ask(alice, 'HELLO 3'), /^-NOAUTH/);
  t.equal(await ask(there, 'RESET'), '+RESET\r\n', 'one that had no login');
  t.equal(await ask(there, 'GET k'), NOAUTH);
});

t.test('a shared connection is lost', async (t) => {
  await told('ACL SETUSER alice on >a ~* +@all');
  await told('ACL SETUSER bob on >b ~* +@all');
  const [alice, bob, none] = [await comes(t), await comes(t), await comes(t)];
  await ask(alice, 'AUTH alice a');
  await ask(bob, 'AUTH bob b');
  for (const client of [alice, bob, none]) await ask(client, 'SET k v');
  await settled();
  const kill = async (user: string) => {
    await told(`CLIENT KILL USER ${user}`);
    await until(async () => !(await told('CLIENT LIST')).includes(` user=${user} `), {
      describe: `the connections of ${user} to be gone`,
    });
  };
  await told('ACL SETUSER bob resetpass >other');
  t.equal(await ask(bob, 'GET k'), '$1\r\nv\r\n', 'a password that is rotated ends no login');
  await kill('alice');
  await kill('bob');
  // What was on its way when it was lost is answered with an error.
  const again = async (client: RawClient) => {
    const reply = await ask(client, 'GET k');
    return reply.startsWith('-ERR spillway lost') ? ask(client, 'GET k') : reply;
  };
  t.equal(await again(alice), '$1\r\nv\r\n', 'whose password is right goes on');
  t.match(await again(bob), /^-WRONGPASS/, 'whose is not does not');
  t.equal(String(await bob.readUntilClosed()), '');
  await told('ACL DELUSER alice');
  await told('ACL SETUSER alice on >a ~none +@all');
  t.match(await again(alice), /^-NOPERM/, 'a user that was made anew has the rights of the new one');
  t.equal(await ask(none, 'GET k'), '$1\r\nv\r\n');
});

t.test('AUTH with a password alone is another login than that of the default user by name', async (t) => {
  await told('SET k v');
  await told('ACL SETUSER root on >root ~* &* +@all');
  await told('AUTH root root');
  t.teardown(() => told('RESET'));
  await told('ACL SETUSER default resetpass >secret');
  const [bare, named] = [await comes(t), await comes(t)];
  t.equal(await ask(bare, 'AUTH secret'), '+OK\r\n');
  t.equal(await ask(named, 'AUTH default secret'), '+OK\r\n');
  for (const client of [bare, named]) t.equal(await ask(client, 'GET k'), '$1\r\nv\r\n');
  await settled();
  // Only the one by name is taken from now on.
  await opens();
  await told('CLIENT KILL USER default');
  await until(async () => !(await told('CLIENT LIST')).includes(' user=default '));
  const again = async (client: RawClient) => {
    const reply = await ask(client, 'GET k');
    return reply.startsWith('-ERR spillway lost') ? ask(client, 'GET k') : reply;
  };
  t.equal(await again(named), '$1\r\nv\r\n');
  t.match(await again(bare), /^-ERR AUTH/);
});

t.test(
  'a client that logs in with ever new passwords, or walks through the databases, holds few connections',
  async (t) => {
    await told('ACL SETUSER nobody on nopass ~* +@all');
    const most = 30;
    let peak = 0;
    for (let i = 0; i < 100; i++) {
      const client = await withRaw(t, pooled.port);
      // One by one: what comes behind a login in one go stays on its connection.
      for (const line of [`AUTH ${i % 2 ? 'default' : 'nobody'} p${i}`, `SELECT ${i % 16}`])
        await ask(client, line);
      t.equal(await ask(client, 'GET k'), '$-1\r\n');
      client.destroy();
      const [, seen] = /connected_clients:(\d+)/.exec(await told('INFO clients')) ?? [];
      peak = Math.max(peak, Number(seen));
    }
    t.ok(peak <= most, `${peak} connections at most`);
  },
);

/** A connection to the server of which nothing comes back. */
interface HeldUp {
  readonly near: Socket;
  readonly far: Socket;
}

/** A proxy, command pooling, to the server of which nothing comes back on the connections that are `held`. */
async function behindRelay(t: Test, held: HeldUp[], holds: () => boolean) {
  const relay = net.createServer((near) => {
    const far = net.connect(redis.port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => far.destroy());
    near.pipe(far);
    if (holds()) held.push({ near, far });
    else far.pipe(near);
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => relay.close());
  const { port } = relay.address() as AddressInfo;
  return withProxy(t, { redis: { port }, config: { upstream: { pool: 'command' } } });
}

for (const [how, letGo] of [
  ['late', ({ far, near }: HeldUp) => far.pipe(near)],
  ['never', ({ near }: HeldUp) => near.destroy()],
] as const) {
  t.test(`a login check that ends ${how} changes nothing for a client that has gone on`, async (t) => {
    const held: HeldUp[] = [];
    let holding = false;
    const proxy = await behindRelay(t, held, () => {
      const hold = holding;
      holding = false;
      return hold;
    });
    const sent = async () => ((await proxy.admin('/api/connections')) as { commands: number }).commands;
    const first = await withRaw(t, proxy.port);
    await first.call('SET', 'k', 'v');
    await first.call('GET', 'k');
    holding = true;
    const client = await withRaw(t, proxy.port);
    await until(() => held.length === 1, { describe: 'the login to be checked' });
    t.equal(String(await client.call('CLIENT', 'SETNAME', 'me')), '+OK\r\n');
    await look.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    t.teardown(() => look.call('CLIENT', 'UNPAUSE'));
    const before = await sent();
    void client.write(command('SET', 'k', 'w'));
    await until(async () => (await sent()) > before, { describe: 'the write to go up' });
    const [check] = held;
    const closed = new Promise((resolve) => check.near.once('close', resolve));
    letGo(check);
    await closed;
    await look.call('CLIENT', 'UNPAUSE');
    t.equal(String((await client.readReplies(1))[0]), '+OK\r\n');
    t.equal(String(await client.call('GET', 'k')), '$1\r\nw\r\n');
  });
}

t.test('a login check without an answer delays nobody', async (t) => {
  const held: HeldUp[] = [];
  let holding = false;
  const proxy = await behindRelay(t, held, () => {
    const hold = holding;
    holding = false;
    return hold;
  });
  const first = await withRaw(t, proxy.port);
  await first.call('GET', 'k');
  holding = true;
  const clients = [await withRaw(t, proxy.port), await withRaw(t, proxy.port), await withRaw(t, proxy.port)];
  await until(() => held.length === 1, { describe: 'the login to be checked' });
  for (const client of clients) t.equal(String(await client.call('ECHO', 'x')), '$1\r\nx\r\n');
});

t.test('when a shared connection is no longer needed, nobody loses rights', async (t) => {
  const proxy = await withProxy(t, {
    redis,
    config: { upstream: { pool: 'command', ...upstream, responseTimeout: '100ms' } },
  });
  const figures = async () =>
    (await proxy.admin('/api/connections')) as { commands: number; pool: PoolSnapshot };
  const writes = async (value: string): Promise<RawClient> => {
    const { commands: before } = await figures();
    const client = await withRaw(t, proxy.port);
    void client.write(commands(`SET ${value} v`));
    await until(async () => (await figures()).commands > before, { describe: 'the write to go up' });
    return client;
  };
  await told('CLIENT PAUSE 60000 WRITE');
  t.teardown(() => told('CLIENT UNPAUSE'));
  // Each has written and nothing else: it is a member of a connection for writes alone. The server is silent on the first
  // one, so there is a second one for the next client.
  const first = await writes('a');
  await until(async () => (await figures()).pool.sharedConnections >= 2, { describe: 'another connection' });
  const second = await writes('b');
  await told('CONFIG SET requirepass secret');
  await told('CLIENT UNPAUSE');
  for (const client of [first, second]) t.equal(String((await client.readReplies(1))[0]), '+OK\r\n');
  await until(async () => (await figures()).pool.sharedConnections === 1, {
    describe: 'what is left over to end',
  });
  for (const client of [first, second]) t.equal(await ask(client, 'SET a w'), '+OK\r\n');
  t.match((await figures()).pool, { sharedConnectionsLost: 0, clientsSharing: 2 });
});
