// Command pooling against a real server: how many connections it sees, who gets one of its own and for how long, what
// is carried along, that rights and databases stay apart, and what is left of it all when a connection is lost.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import type { PinReason } from '../../src/core/commands/spec.js';
import type { PoolSnapshot } from '../../src/observe/snapshots/connections.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { serverIs, withRedis } from '../support/redis.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const SHARED = 2;
const RULES = [{ name: 'every', match: '*', ttl: '1h', applyTo: 'all' }];
const LOST =
  '-ERR spillway lost its connection to the server before the reply: the command may or may not have been executed\r\n';

interface Pooled {
  readonly redis: RedisProcess;
  readonly proxy: TestProxy;
  readonly look: RawClient;
  open(timeoutMs?: number): Promise<RawClient>;
  /** The lines of CLIENT LIST about connections that are neither the monitor's nor this one. */
  list(): Promise<string[]>;
}

async function pooled(t: Test, config: Record<string, unknown> = {}): Promise<Pooled> {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, {
    redis,
    config: {
      rules: RULES,
      ...config,
      upstream: { pool: 'command', sharedConnections: SHARED, ...(config.upstream as object | undefined) },
    },
  });
  const look = await lookAt(t, redis);
  return {
    ...{ redis, proxy, look },
    open: (timeoutMs) => withRaw(t, proxy.port, timeoutMs),
    async list() {
      const text = String(await look.call('CLIENT', 'LIST'));
      return text
        .split('\n')
        .filter((line) => /^id=/.test(line) && !/spillway-monitor|cmd=client/.test(line));
    },
  };
}

/** Resolves once the server sees just so many connections of clients. */
async function untilConnections({ list }: Pooled, most: number): Promise<void> {
  let seen: string[] = [];
  const few = async () => {
    seen = await list();
    return seen.length <= most;
  };
  await until(few, { timeoutMs: 20_000, describe: () => `at most ${most} connections:\n${seen.join('\n')}` });
}

/** Resolves once no client has a connection of its own. */
async function untilAllShare({ proxy }: Pooled): Promise<void> {
  await until(async () => {
    const { pool } = await proxy.admin('/api/connections');
    return pool?.parkedConnections === 0 && pool.clientsPinned === 0;
  });
}

t.test('a hundred clients on two connections', async (t) => {
  const pool = await pooled(t);
  const clients = await Promise.all(Array.from({ length: 100 }, () => pool.open()));
  const replies = await Promise.all(
    clients.map(async (client, i) => {
      void client.write(commands(`SET k${i} v${i}`, `GET k${i}`, `INCR n`));
      return (await client.readReplies(3)).slice(0, 2).map(String);
    }),
  );
  for (const [i, seen] of replies.entries())
    t.same(seen, ['+OK\r\n', `$${String(i).length + 1}\r\nv${i}\r\n`]);
  t.equal(String(await pool.look.call('GET', 'n')), '$3\r\n100\r\n');
  t.ok((await pool.list()).length <= SHARED);
  t.match(String(await pool.look.call('PTTL', 'k1')), /^:3\d{6}\r\n/, 'with the TTL of the rule');
});

t.test('a client that needs its own connection gets one, and shares again afterward', async (t) => {
  const pool = await pooled(t);
  const [a, b] = [await pool.open(), await pool.open()];
  await a.call('SET', 'k', 1);
  void a.write(commands('WATCH k', 'MULTI', 'INCR k'));
  await a.readReplies(3);
  await b.call('SET', 'k', 5);
  t.equal(String(await a.call('EXEC')), '*-1\r\n', 'what it watched was changed');
  void a.write(commands('MULTI', 'INCR k', 'GET k', 'EXEC'));
  t.equal(String((await a.readReplies(4))[3]), '*2\r\n:6\r\n$1\r\n6\r\n');
  void a.write(commands('BLPOP q 0', 'GET k'));
  await until(async () => String(await pool.look.call('INFO', 'clients')).includes('blocked_clients:1'));
  t.equal(String(await b.call('GET', 'k')), '$1\r\n6\r\n', 'nobody waits behind one that blocks');
  await b.call('RPUSH', 'q', 'job');
  t.match(String(Buffer.concat(await a.readReplies(2))), /job\r\n\$1\r\n6\r\n$/);
  await a.call('SUBSCRIBE', 'news');
  await b.call('PUBLISH', 'news', 'hello');
  t.match(String(Buffer.concat(await a.readReplies(1))), /hello/);
  await a.call('UNSUBSCRIBE', 'news');
  await untilConnections(pool, SHARED);
  t.equal(String(await a.call('GET', 'k')), '$1\r\n6\r\n');
});

t.test('database, protocol and name go along', async (t) => {
  const pool = await pooled(t);
  const [a, b] = [await pool.open(), await pool.open()];
  void a.write(commands('SELECT 3', 'HELLO 3 SETNAME worker', 'CLIENT SETNAME worker', 'SET k three'));
  await a.readReplies(4);
  await b.call('SET', 'k', 'zero');
  await untilAllShare(pool);
  await untilConnections(pool, SHARED + 1);
  t.equal(String(await a.call('GET', 'k')), '$5\r\nthree\r\n');
  t.equal(String(await b.call('GET', 'k')), '$4\r\nzero\r\n');
  t.equal(String(await a.call('GET', 'none')), '_\r\n', 'RESP3');
  t.equal(String(await b.call('GET', 'none')), '$-1\r\n', 'RESP2');
  t.equal(String(await a.call('CLIENT', 'GETNAME')), '$6\r\nworker\r\n', 'on a connection made anew');
  // CLIENT INFO and RESET came with the same version.
  if (!(await serverIs(6.2))) return;
  t.match(String(await a.call('CLIENT', 'INFO')), /name=worker .* db=3 .* resp=3/);
  t.equal(String(await a.call('RESET')), '+RESET\r\n');
  t.equal(String(await a.call('GET', 'k')), '$4\r\nzero\r\n', 'RESET: database 0 again');
});

t.test('no client runs with the rights of another', async (t) => {
  const pool = await pooled(t);
  await pool.look.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+get', '+ping');
  await pool.look.call('ACL', 'SETUSER', 'writer', 'on', '>secret', '~*', '+@all');
  const [reader, writer, nobody, wrong] = await Promise.all([1, 2, 3, 4].map(() => pool.open()));
  t.equal(String(await reader.call('AUTH', 'reader', 'secret')), '+OK\r\n');
  t.match(String(await writer.call('HELLO', '3', 'AUTH', 'writer', 'secret')), /^%/);
  t.match(String(await wrong.call('AUTH', 'writer', 'guess')), /^-WRONGPASS/);
  for (let i = 0; i < 20; i++) {
    const seen = await Promise.all([
      reader.call('SET', 'k', i),
      writer.call('SET', 'k', i),
      nobody.call('ACL', 'WHOAMI'),
      wrong.call('ACL', 'WHOAMI'),
    ]);
    const [denied, ok, first, second] = seen.map(String);
    t.match(denied, /^-NOPERM/);
    t.same([ok, first, second], ['+OK\r\n', '$7\r\ndefault\r\n', '$7\r\ndefault\r\n']);
    t.match(String(await reader.call('GET', 'k')), /^\$/);
    t.equal(String(await writer.call('ACL', 'WHOAMI')), '$6\r\nwriter\r\n');
  }
  await pool.look.call('ACL', 'DELUSER', 'reader');
  void reader.write(commands('GET k'));
  await until(() => reader.closed || reader.peek().includes('-ERR spillway lost'), {
    describe: 'the user to be gone',
  });
  t.equal(String(await writer.call('GET', 'k')), '$2\r\n19\r\n');
});

t.test('client libraries share once they have introduced themselves', async (t) => {
  const pool = await pooled(t);
  const old = Array.from(
    { length: 5 },
    () => new Redis({ port: pool.proxy.port, db: 1, connectionName: 'old' }),
  );
  const modern = Array.from({ length: 5 }, () =>
    createClient({ url: `redis://127.0.0.1:${pool.proxy.port}/1`, RESP: 3 }),
  );
  t.teardown(() => {
    for (const client of old) client.disconnect();
    for (const client of modern) client.destroy();
  });
  for (const client of modern) client.on('error', (error) => t.fail(String(error)));
  await Promise.all(modern.map((client) => client.connect()));
  const write = async (round: number) => {
    await Promise.all(old.map((client, i) => client.set(`old:${i}`, round)));
    await Promise.all(modern.map((client, i) => client.set(`modern:${i}`, round)));
  };
  await write(1);
  await untilConnections(pool, 2 * SHARED);
  await write(2);
  t.ok((await pool.list()).length <= 2 * SHARED, 'two protocols of one database');
  t.same(await Promise.all(old.map((_, i) => modern[i]?.get(`old:${i}`))), Array(5).fill('2'));
  t.same(await Promise.all(modern.map((_, i) => old[i]?.get(`modern:${i}`))), Array(5).fill('2'));
});

t.test('a connection that is lost fails what was on it, and nothing else', async (t) => {
  const pool = await pooled(t, { rules: [] });
  const [a, b] = [await pool.open(), await pool.open()];
  for (const client of [a, b]) {
    await client.call('SET', 'k', 1);
    await client.call('GET', 'k');
  }
  await pool.redis.kill('SIGSTOP');
  void a.write(commands('GET k', 'GET k'));
  // Redis reads it with all the rest when it goes on: the kill stands before.
  const { proxy } = pool;
  const sent = async () => (await proxy.admin('/api/connections')).commands >= 6;
  await until(sent, { describe: 'the commands to be on their way' });
  await pool.redis.kill('SIGKILL');
  await until(() => a.closed);
  t.equal(String(a.peek()), LOST + LOST, 'an error for each command that was on its way');
  await until(() => b.closed);
  t.equal(String(b.peek()), '', 'nothing for one that waits for nothing: it sees its server end');
});

t.test('a killed connection is made again', async (t) => {
  const pool = await pooled(t);
  const a = await pool.open();
  await a.call('SET', 'k', 1);
  for (let i = 0; i < 10; i++) {
    for (const line of await pool.list())
      await pool.look.call('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
    await until(async () => (await pool.list()).length === 0, { describe: 'the connections to be gone' });
    const reply = String(await a.call('GET', 'k'));
    t.ok(reply === '$1\r\n1\r\n' || reply === LOST, reply);
  }
  t.notOk(a.closed);
});

t.test('the API counts what the pool does', async (t) => {
  const counted = await pooled(t);
  const pool = async () => (await counted.proxy.admin('/api/connections')).pool as PoolSnapshot;
  const untilPool = async (wanted: Partial<PoolSnapshot>): Promise<void> => {
    let seen: PoolSnapshot | undefined;
    const there = async () => {
      seen = await pool();
      return Object.entries(wanted).every(([name, value]) => seen?.[name as keyof PoolSnapshot] === value);
    };
    await until(there, { describe: () => `${JSON.stringify(wanted)}; was ${JSON.stringify(seen)}` });
  };
  const none = { sharedConnections: 0, clientsSharing: 0, clientsPinned: 0, clientsWaiting: 0 };
  t.match(await pool(), { ...none, parkedConnections: 0, commandsLost: 0, windowStalls: 0, strayStalls: 0 });
  // One after the other: the second one that comes has another connection made.
  const a = await counted.open();
  await a.call('GET', 'k');
  const [b, c] = [await counted.open(), await counted.open()];
  await b.call('GET', 'k');
  await b.call('SET', 'k', 1);
  await untilPool({ sharedConnections: SHARED, sharedConnectionsTotal: SHARED, clientsSharing: 3 });
  const lines: [string, PinReason][] = [
    ['MULTI', 'transaction'],
    ['WATCH k', 'watch'],
    ['BLPOP q 0', 'blocking'],
    ['SUBSCRIBE c', 'subscription'],
    ['CLIENT SETNAME me', 'client-state'],
    ['MONITOR', 'stream'],
    ['WAIT 0 0', 'wait'],
    ['EVAL return 0', 'script'],
    ['CLUSTER INFO', 'server'],
    ['NO.SUCH', 'unknown-command'],
  ];
  for (const [line, reason] of lines) {
    const client = await counted.open();
    void client.write(commands(line));
    await until(async () => (await pool()).pins[reason] === 1, { describe: `${line} to count as ${reason}` });
    client.destroy();
  }
  await c.call('SET', 'big', Buffer.alloc(300_000));
  t.equal((await pool()).pins['large-value'], 1);
  await untilPool({ parkedConnections: 1, clientsPinned: 0, clientsSharing: 3 });
  void c.write(commands('SUBSCRIBE c'));
  await untilPool({ parkedConnections: 0, clientsPinned: 1 });
  t.equal((await pool()).pins.subscription, 2, 'a spell of its own');
  void b.write('*nonsense\r\n');
  await until(async () => (await pool()).pins.malformed === 1);
  void a.write(Buffer.concat(Array<Buffer>(3000).fill(commands('INCR n'))));
  await a.readReplies(3000);
  t.ok((await pool()).windowStalls > 0, 'more than may be on the way at once');
  void a.write(commands('SUBSCRIBE c', 'UNSUBSCRIBE c', ...Array<string>(3000).fill('INCR n')));
  await a.readReplies(3002);
  t.ok((await pool()).strayStalls > 0, 'more than may follow what needed a connection');
  const stopped = await counted.open();
  // So small replies that several commands may be on their way.
  for (let i = 0; i < 4; i++) await stopped.call('INCR', 'k');
  const taken = async () => (await counted.proxy.admin('/api/connections')).commands;
  await counted.redis.kill('SIGSTOP');
  const before = await taken();
  void stopped.write(commands('INCR n', 'INCR n', 'INCR n'));
  await until(async () => (await taken()) === before + 3, { describe: 'the commands to be on their way' });
  await counted.redis.kill('SIGKILL');
  await untilPool({ commandsLost: 3, sharedConnections: 0, clientsWaiting: 0 });
  t.equal((await pool()).sharedConnectionsLost, (await pool()).sharedConnectionsTotal);
});

t.test('a client with large replies has its own connection for a while', async (t) => {
  const pool = await pooled(t, { rules: [] });
  const client = await pool.open();
  await pool.look.call('SET', 'big', Buffer.alloc(400_000, 'v'));
  const pins = async () =>
    ((await pool.proxy.admin('/api/connections')).pool as PoolSnapshot).pins['large-reply'];
  const large = async () => t.equal((await client.call('GET', 'big')).length, 400_011);
  await large();
  t.equal((await pool.list()).length, 1, 'the first one comes as any other');
  t.equal(await pins(), 0);
  await large();
  t.equal(await pins(), 1, 'the next one does not');
  // Each waits for the one before, so that it does not stay for what it has under way.
  for (let i = 0; i < 70; i++) await client.call('PING');
  await untilConnections(pool, 1);
  const counted = await pins();
  t.equal(String(await client.call('ECHO', 'v')), '$1\r\nv\r\n');
  t.equal(await pins(), counted, 'small replies have brought it back');
  await large();
  await large();
  await untilConnections(pool, 1);
  const before = await pins();
  await large();
  t.equal(await pins(), before + 1, 'silent, it gives the connection up, and gets another one');
});

t.test('commands that are declared free of connection state', async (t) => {
  const pool = await pooled(t, { upstream: { shareCommands: ['EVALSHA', 'No.Such'] } });
  const sha = /[0-9a-f]{40}/.exec(String(await pool.look.call('SCRIPT', 'LOAD', 'return 7')))?.[0] ?? '';
  const clients = await Promise.all(Array.from({ length: 20 }, () => pool.open()));
  for (const client of clients) {
    void client.write(commands('GET k', `EVALSHA ${sha} 0`, 'NO.SUCH a b', 'GET k'));
    const [, script, unknown, get] = (await client.readReplies(4)).map(String);
    t.match([script, unknown, get], [':7\r\n', /^-ERR unknown command/, '$-1\r\n']);
  }
  t.ok((await pool.list()).length <= SHARED, 'go over shared connections');
  const [first, second] = clients;
  await first.call('EVAL', 'return 7', 0);
  t.equal((await pool.list()).length, SHARED + 1, 'one that is not declared does not');
  await untilConnections(pool, SHARED);
  await second.call('NO.WAY');
  t.equal(String(await second.call('GET', 'k')), '$-1\r\n');
  t.equal((await pool.list()).length, SHARED + 1, 'and one that nobody knows pins for good');
});

t.test('a connection that the server refuses', async (t) => {
  const pool = await pooled(t, { upstream: { sharedConnections: 1 } });
  const { look } = pool;
  const ending = async (client: RawClient) =>
    String(await client.readUntilClosed()) + (client.error?.code ?? '');
  const stays = await pool.open();
  await stays.call('SET', 'k', 'v');
  const [asks, blocks] = [await pool.open(), await pool.open()];
  for (const client of [asks, blocks]) await client.call('PING');
  await look.call('CONFIG', 'SET', 'requirepass', 'right');
  const named = await pool.open();
  t.equal(String(await named.call('AUTH', 'right')), '+OK\r\n');
  await look.call('CONFIG', 'SET', 'requirepass', 'changed');
  t.equal(String(await named.call('GET', 'k')), '$1\r\nv\r\n', 'it keeps the one where it logged in');
  named.destroy();
  await untilConnections(pool, SHARED);
  // Before 7.0 they cannot be set in one command.
  await look.call('CONFIG', 'SET', 'requirepass', '');
  await look.call('CONFIG', 'SET', 'maxclients', '4');
  t.equal(String(await asks.call('GET', 'k')), '$1\r\nv\r\n', 'who shares one that stands is served');
  for (const client of [asks, blocks]) void client.write(commands('SELECT 1', 'GET k'));
  const full = '-ERR max number of clients reached\r\n';
  // The server has not read what was sent: so it may be a reset, as without a proxy.
  const own = [await ending(asks), await ending(blocks)].map((end) => end.replace(/ECONNRESET$/, ''));
  t.same(own, [full, full], 'one of its own');
  await look.call('CONFIG', 'SET', 'maxclients', '5');
  const db = await pool.open();
  t.equal(String(await db.call('SELECT', '1')), '+OK\r\n');
  await look.call('CONFIG', 'SET', 'maxclients', '4');
  t.equal(String(await db.call('GET', 'k')), '$-1\r\n', 'it keeps its own where a shared one cannot be had');
  db.destroy();
  t.equal(String(await stays.call('GET', 'k')), '$1\r\nv\r\n');
  await look.call('CONFIG', 'SET', 'maxclients', '100');
  const again = await pool.open();
  await again.call('SELECT', '1');
  t.equal(String(await again.call('GET', 'k')), '$-1\r\n', 'and when there is room all is as before');
});

t.test('a client that does not read holds up no other', async (t) => {
  const pool = await pooled(t);
  const [slow, other] = [await pool.open(), await pool.open()];
  await other.call('SET', 'big', Buffer.alloc(100_000, 'v'));
  slow.socket.pause();
  const asked = 400;
  void slow.write(Buffer.concat(Array<Buffer>(asked).fill(command('GET', 'big'))));
  for (let i = 0; i < 200; i++) t.equal(String(await other.call('INCR', 'n')), `:${i + 1}\r\n`);
  slow.socket.resume();
  const replies = await slow.readReplies(asked);
  t.ok(replies.every((reply) => reply.length === 100_011));
});

t.test('a value larger than may wait arrives whole at a client that reads, if late', async (t) => {
  const pool = await pooled(t, { rules: [] });
  const late = await pool.open(60_000);
  const length = 80 * 1024 * 1024;
  await pool.look.call('SET', 'big', Buffer.alloc(length, 'v'));
  await late.call('PING');
  late.socket.pause();
  void late.write(commands('GET big', 'PING'));
  let moved = -1;
  const stands = async () => {
    const { bytesToClients: now } = await pool.proxy.admin('/api/connections');
    const same = now === moved && now > 1024 * 1024;
    moved = now;
    return same;
  };
  // So long that nothing would be left to come.
  let still = 0;
  await until(async () => {
    still = (await stands()) ? still + 1 : 0;
    return still === 10;
  });
  t.ok(moved < length / 2, `${moved} bytes are on their way to it, and no more are read`);
  late.socket.resume();
  const [value, pong] = await late.readReplies(2);
  t.ok(value.subarray(11, -2).equals(Buffer.alloc(length, 'v')), 'whole');
  t.equal(String(pong), '+PONG\r\n');
  t.match(await pool.proxy.admin('/api/connections'), { clientsTooSlow: 0 });
});

t.test('Spillway closes a client that never reads, and others go on', async (t) => {
  const pool = await pooled(t, { rules: [], upstream: { sharedConnections: 1 } });
  // 128 MB are read on the way.
  const [never, other] = [await pool.open(), await pool.open(60_000)];
  await pool.look.call('SET', 'big', Buffer.alloc(150 * 1024 * 1024, 'v'));
  for (const client of [never, other]) await client.call('PING');
  never.socket.pause();
  void never.write(commands('GET big'));
  void other.write(commands('STRLEN big'));
  t.equal(
    String((await other.readReplies(1))[0]),
    ':157286400\r\n',
    'behind all that the other did not read',
  );
  t.match(await pool.proxy.admin('/api/connections'), { clientsTooSlow: 1 });
});

t.test('a client that goes away leaves the others their replies', async (t) => {
  const pool = await pooled(t);
  const stays = await pool.open();
  await stays.call('SET', 'k', 'v');
  for (let i = 0; i < 50; i++) {
    const goes = await pool.open();
    void goes.write(Buffer.concat(Array<Buffer>(100).fill(commands('GET k', 'INCR n'))));
    void stays.write(commands(`ECHO ${i}`));
    goes.destroy();
    t.equal(String(Buffer.concat(await stays.readReplies(1))), `$${String(i).length}\r\n${i}\r\n`);
  }
});
