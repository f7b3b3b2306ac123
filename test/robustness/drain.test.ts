// SIGTERM and SIGINT of the real process, with clients in the middle of things: what Redis has run is answered, what
// is answered was run, no reply is cut, transactions are whole; then it ends, in bounded time, with exit code 0.
import { once } from 'node:events';
import net from 'node:net';
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { type ProxyProcess, withProxyProcess } from '../support/proxy-process.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];
const PATIENCE = { timeoutMs: 30_000 };
/** Longer than anything here takes: who is waited for by the drain must finish, not be given up. */
const LONG_DRAIN = '60s';

async function start(
  t: Test,
  redis: RedisProcess,
  drainTimeout = LONG_DRAIN,
  config: Record<string, unknown> = {},
): Promise<ProxyProcess> {
  const proxy = await withProxyProcess(t, {
    config: {
      rules: RULES,
      limits: { drainTimeout },
      ...config,
      upstream: { url: `redis://127.0.0.1:${redis.port}`, ...(config.upstream as object | undefined) },
    },
  });
  return proxy;
}

async function blockedClients(control: RawClient): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(String(await control.call('INFO', 'clients')))?.[1]);
}

async function calls(control: RawClient, name: string): Promise<number> {
  const text = String(await control.call('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
}

/** What GET says; 0 where there is nothing. */
async function counter(control: RawClient, key: string): Promise<number> {
  return Number(String(await control.call('GET', key)).split('\r\n')[1]);
}

async function refused(port: number): Promise<boolean> {
  try {
    (await connectRaw(port)).destroy();
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  }
}

interface Ledger {
  readonly key: string;
  /** Complete replies, each of which was the right one. */
  answered: number;
  readonly wrong: string[];
  /** What came behind the last complete reply. */
  rest: string;
}

const DEPTH = 50;

/** INCRs its own key in pipelines, going on until the connection ends. */
async function count(port: number, key: string): Promise<Ledger> {
  const ledger: Ledger = { key, answered: 0, wrong: [], rest: '' };
  const client = await connectRaw(port, 60_000);
  const pipeline = Buffer.concat(Array<Buffer>(DEPTH).fill(command('INCR', key)));
  const incoming = async (): Promise<void> => {
    const text = ledger.rest + String(await client.readExactly(client.peek().length));
    const lines = text.split('\r\n');
    ledger.rest = lines.pop() ?? '';
    for (const line of lines) if (line !== `:${++ledger.answered}`) ledger.wrong.push(line);
  };
  // Two pipelines under way at any time: the signal always finds requests that were not yet read.
  let asked = 0;
  while (!client.closed) {
    while (asked < ledger.answered + 2 * DEPTH) {
      void client.write(pipeline);
      asked += DEPTH;
    }
    await until(() => client.closed || client.peek().length > 0, PATIENCE);
    await incoming();
  }
  await incoming();
  client.destroy();
  return ledger;
}

/** The same in transactions: what comes back must be whole transactions, and both keys must be alike. */
async function transact(port: number, key: string): Promise<Ledger> {
  const ledger: Ledger = { key, answered: 0, wrong: [], rest: '' };
  const client = await connectRaw(port, 60_000);
  const transaction = commands('MULTI', `INCR ${key}`, `INCR ${key}:too`, 'EXEC');
  try {
    for (;;) {
      const next = ledger.answered + 1;
      void client.write(transaction);
      const due = ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', `*2\r\n:${next}\r\n:${next}\r\n`];
      for (const [i, reply] of due.entries()) {
        const [seen] = await client.readReplies(1);
        if (String(seen) !== reply) ledger.wrong.push(`${key} ${i}: ${seen}`);
        ledger.rest = i < due.length - 1 ? 'inside a transaction' : '';
      }
      ledger.answered = next;
    }
  } catch (error) {
    if (!client.closed) ledger.wrong.push(String(error));
    else ledger.rest += String(client.peek());
  } finally {
    client.destroy();
  }
  return ledger;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} under load: every answered command was executed`, { timeout: 120_000 }, async (t) => {
    const redis = await withRedis(t);
    const proxy = await start(t, redis);
    const control = await lookAt(t, redis);
    const counting = Array.from({ length: 10 }, (_, i) => count(proxy.port, `count:${i}`));
    const transacting = Array.from({ length: 10 }, (_, i) => transact(proxy.port, `multi:${i}`));
    await until(async () => (await calls(control, 'incr')) > 5_000, PATIENCE);
    proxy.signal(signal);
    t.same(await proxy.exited, { code: 0, signal: null }, proxy.log());
    for (const ledger of await Promise.all([...counting, ...transacting])) {
      t.same(ledger.wrong, [], `${ledger.key}: ${ledger.answered} replies, each of them right`);
      t.equal(ledger.rest, '', `${ledger.key}: and nothing cut`);
      t.equal(await counter(control, ledger.key), ledger.answered, 'as many were run');
    }
    t.ok(await refused(proxy.port));
  });
}

t.test('each client is closed at its own boundary', { timeout: 120_000 }, async (t) => {
  const redis = await withRedis(t, ['--enable-debug-command', 'yes']);
  const proxy = await start(t, redis);
  const control = await lookAt(t, redis);
  const connect = () => withRaw(t, proxy.port, 60_000);
  await control.call('SET', 'large', Buffer.alloc(64 * 1024 ** 2, 'v'));

  const [idle, subscribed, half, inMulti, sending, reading, blocked] = [
    await connect(),
    await connect(),
    await connect(),
    await connect(),
    await connect(),
    await connect(),
    await connect(),
  ];
  await idle.call('PING');
  await subscribed.call('SUBSCRIBE', 'c');
  await half.call('PING');
  void half.write('*2\r\n$4\r\nINCR\r\n$4\r\nha');
  await inMulti.call('MULTI');
  await inMulti.call('INCR', 'in:multi');
  const value = command('SET', 'streamed', Buffer.alloc(2 * 1024 ** 2, 's'));
  await sending.write(value.subarray(0, value.length >> 1));
  reading.socket.pause();
  void reading.write(command('GET', 'large'));
  void blocked.write(commands('BLPOP q 0', 'INCR asked:before'));
  await until(async () => (await blockedClients(control)) === 1, PATIENCE);
  await until(async () => (await calls(control, 'get')) === 1, PATIENCE);

  proxy.signal('SIGTERM');
  t.equal(String(await idle.readUntilClosed()), '', 'an idle client at once');
  t.equal(String(await subscribed.readUntilClosed()), '', 'a subscriber at once');
  t.equal(String(await half.readUntilClosed()), '', 'a client whose command has not come whole at once');
  t.equal(await integer(control, 'EXISTS', 'half'), 0, 'and nothing of it was run');
  t.ok(await refused(proxy.port), 'nobody is let in meanwhile');

  await sending.write(value.subarray(value.length >> 1));
  t.equal(String(await sending.readUntilClosed()), '+OK\r\n', 'a large value that is on its way is taken');
  t.equal(await integer(control, 'STRLEN', 'streamed'), 2 * 1024 ** 2);

  t.equal(String(await inMulti.call('INCR', 'in:multi')), '+QUEUED\r\n', 'a transaction goes on');
  void inMulti.write(commands('EXEC', 'INCR behind'));
  t.equal(String(await inMulti.readUntilClosed()), '*2\r\n:1\r\n:2\r\n', 'up to its EXEC, not beyond');

  reading.socket.resume();
  const large = await reading.readUntilClosed();
  t.equal(large.length, '$67108864\r\n\r\n'.length + 64 * 1024 ** 2, 'a slow reader gets all it is owed');

  void blocked.write(commands('INCR behind'));
  await control.call('RPUSH', 'q', 'job');
  t.equal(
    String(await blocked.readUntilClosed()),
    '*2\r\n$1\r\nq\r\n$3\r\njob\r\n:1\r\n',
    'a blocked client gets what it waits for and what it asked for before, and what it asks for now is not begun',
  );
  t.equal(await integer(control, 'EXISTS', 'behind'), 0);
  t.same(await proxy.exited, { code: 0, signal: null });
});

t.test('a client that goes on sending gets an orderly end, not a reset', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await start(t, redis);
  const look = await lookAt(t, redis);
  const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => client.destroy());
  const events: string[] = [];
  client.on('error', (error: NodeJS.ErrnoException) => events.push(String(error.code)));
  client.on('end', () => {
    events.push('end');
    client.end();
  });
  await once(client, 'connect');
  const some = Buffer.concat([command('SET', 'v', Buffer.alloc(8000, 'v')), command('INCR', 'n')]);
  let replies = 0;
  // It reads only when it has sent all.
  client.write(Buffer.concat(Array.from({ length: 1250 }, () => some)), () => {
    client.on('data', (bytes: Buffer) => {
      for (const byte of bytes) if (byte === 0x0a) replies++;
    });
  });
  await until(async () => (await counter(look, 'n')) > 0, PATIENCE);
  proxy.signal('SIGTERM');
  await once(client, 'close');
  t.same(events, ['end']);
  t.equal(Math.floor(replies / 2), await counter(look, 'n'), 'what was executed is answered');
});

t.test('a drain ends after limits.drainTimeout, with exit code 0', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const proxy = await start(t, redis, '500ms');
  const control = await lookAt(t, redis);
  const [blocked, inMulti] = [await withRaw(t, proxy.port, 30_000), await withRaw(t, proxy.port, 30_000)];
  void blocked.write(commands('BLPOP q 0'));
  await until(async () => (await blockedClients(control)) === 1, PATIENCE);
  await inMulti.call('MULTI');
  await inMulti.call('INCR', 'never');
  proxy.signal('SIGTERM');
  t.same(await proxy.exited, { code: 0, signal: null });
  t.equal(String(await blocked.readUntilClosed()), '');
  t.equal(String(await inMulti.readUntilClosed()), '');
  t.equal(await integer(control, 'EXISTS', 'never'), 0, 'a transaction that is given up has done nothing');
  t.match(proxy.log(), /"connections":2.*closed connections that still waited for replies/);
});

/** Large enough that few fill the buffers on the way to a server that stands still. */
const PADDING = 'v'.repeat(3000);
const silenced = (name: string, i: number): Buffer =>
  command('SET', `${name}:${String(i).padStart(6, '0')}`, PADDING);
const MORE_THAN_FITS = 5_000;

for (const workers of [1, 2]) {
  const name = `workers ${workers}: no command is lost that was sent under CLIENT REPLY OFF`;
  t.test(name, { timeout: 60_000 }, async (t) => {
    const redis = await withRedis(t);
    const proxy = await start(t, redis, LONG_DRAIN, { workers });
    const control = await lookAt(t, redis);
    const connect = () => withRaw(t, proxy.port, 60_000);
    const [staying, ending, asking] = [await connect(), await connect(), await connect()];
    for (const client of [staying, ending, asking]) await client.call('SET', 'greeting', 1);
    // With command pooling its CLIENT REPLY OFF waits for a connection that is greeted so.
    await asking.call('HELLO', 3);
    await until(async () => !(await proxy.admin('/api/connections')).pool?.parkedConnections);
    for (const client of [staying, ending]) void client.write(commands('CLIENT REPLY OFF', 'INCR off'));
    await until(async () => (await counter(control, 'off')) === 2);
    process.kill(redis.pid, 'SIGSTOP');
    t.teardown(() => process.kill(redis.pid, 'SIGCONT'));
    const taken = async (): Promise<number> => (await proxy.admin('/api/connections')).bytesFromClients;
    const untilStill = async (before: number): Promise<number> => {
      let [now, still] = [-1, 0];
      const isStill = async () => {
        const seen = await taken();
        still = seen === now && seen > before ? still + 1 : 0;
        now = seen;
        return still >= 20;
      };
      await until(isStill, { ...PATIENCE, describe: () => `the proxy to take no more: ${now} bytes` });
      return Math.floor((now - before) / silenced('ending', 0).length);
    };
    const due: number[] = [];
    for (const [name, client] of Object.entries({ ending, staying, asking })) {
      if (client === asking) {
        const before = await taken();
        void client.write(commands('CLIENT REPLY OFF'));
        await untilStill(before);
      }
      const before = await taken();
      for (let i = 0; i < MORE_THAN_FITS; i++) void client.write(silenced(name, i));
      if (client === ending) client.end();
      due.push(await untilStill(before));
    }
    t.ok(Math.max(...due) < MORE_THAN_FITS, 'more was sent than the server and the proxy take');
    t.ok(due[2] > 2, 'the proxy holds commands of the client whose CLIENT REPLY OFF is not answered');
    proxy.signal('SIGTERM');
    await until(() => refused(proxy.port), PATIENCE);
    process.kill(redis.pid, 'SIGCONT');
    t.same(await proxy.exited, { code: 0, signal: null });
    // Each has a key of its own, beside the two that were written before. Bytes of one client that a worker reports late
    // count with the next one's, which may make one command too many of two parts, twice.
    const all = due.reduce((sum, commands) => sum + commands) + 2 - 2;
    let keys = 0;
    const allRun = async (): Promise<boolean> => {
      keys = await integer(control, 'DBSIZE');
      return keys >= all;
    };
    await until(allRun, { ...PATIENCE, describe: () => `${all} keys: there are ${keys}` });
  });
}

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGINT'],
] as const) {
  t.test(`${first}, then ${second}: the proxy ends at once`, { timeout: 60_000 }, async (t) => {
    const redis = await withRedis(t);
    const proxy = await start(t, redis);
    const control = await lookAt(t, redis);
    const blocked = await withRaw(t, proxy.port, 30_000);
    void blocked.write(commands('BLPOP q 0'));
    await until(async () => (await blockedClients(control)) === 1, PATIENCE);
    proxy.signal(first);
    await until(() => proxy.log().includes('closing: clients may finish their commands'), PATIENCE);
    proxy.signal(second);
    t.same(await proxy.exited, { code: 1, signal: null });
    t.equal(String(await blocked.readUntilClosed()), '');
    await until(async () => (await blockedClients(control)) === 0, PATIENCE);
  });
}
