// Several worker processes in front of one Redis: what they count adds up exactly, they refuse together, and the end of
// one, of all or of the primary is what it should be. Real processes, as users run them.
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { type ProxyProcess, withProxyProcess } from '../support/proxy-process.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL, WHOLE } from '../support/tier.js';
import { lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const MB = 1024 * 1024;
const WORKERS = 4;
const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' },
  { name: 'users', match: 'user:*', ttl: '2h' },
];
const PATIENCE = { timeoutMs: 20_000 };

const stats = (proxy: ProxyProcess) => proxy.admin('/api/stats');
const workers = (proxy: ProxyProcess) => proxy.admin('/api/workers');
const connections = (proxy: ProxyProcess) => proxy.admin('/api/connections');

async function withWorkers(
  t: Test,
  redis: RedisProcess,
  config: Record<string, unknown> = {},
): Promise<ProxyProcess> {
  const proxy = await withProxyProcess(t, {
    config: {
      upstream: { url: `redis://127.0.0.1:${redis.port}` },
      workers: WORKERS,
      rules: RULES,
      ...config,
    },
  });
  return proxy;
}

/** Connected one after the other, so that each goes to whoever has fewest. */
async function clientsOf(t: Test, proxy: ProxyProcess, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const client = await withRaw(t, proxy.port, 20_000);
    await client.call('PING');
    clients.push(client);
  }
  return clients;
}

async function runs(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

t.test('the counts of all workers add up to what was sent, at once', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis);
  const clients = await clientsOf(t, proxy, 20);
  const { workers: spread } = await workers(proxy);
  t.same(
    spread.map(({ clients }) => clients),
    [5, 5, 5, 5],
    'clients go to whoever has fewest',
  );
  t.equal(new Set([proxy.pid, ...spread.map(({ pid }) => pid)]).size, WORKERS + 1);
  const before = (await connections(proxy)).commands;
  for (let round = 1; round <= 3; round++) {
    await Promise.all(
      clients.map(async (client, n) => {
        void client.write(
          Buffer.concat([
            // Each key is written by several clients, so by several workers: it is one key all the same.
            ...Array.from({ length: 100 }, (_, i) => command('SET', `cache:${(n % 10) * 100 + i}`, 'v')),
            command('SET', `user:${n}`, 'v', 'EX', 60),
            command('HSET', `other:${n}:h`, 'f', 'v'),
            command('GET', 'cache:1'),
          ]),
        );
        await client.readReplies(103);
      }),
    );
    const snapshot = await stats(proxy);
    t.match(snapshot.rules, [
      { name: 'cache', writes: round * 2000, ttlInjected: round * 2000, commands: { set: round * 2000 } },
      { name: 'users', writes: round * 20, hadTtl: round * 20, commands: { set: round * 20 } },
    ]);
    t.match(snapshot.unregistered, { writes: round * 20, kept: round * 20, commands: { hset: round * 20 } });
    const distinct = snapshot.rules[0]?.distinctKeys ?? 0;
    t.ok(distinct > 930 && distinct < 1070, `${distinct} distinct keys of 1,000`);
    t.match(snapshot.discovered, [{ pattern: 'other:*:*', writes: round * 20, writesMissedAtMost: 0 }]);
    t.match(await connections(proxy), {
      clients: 20,
      clientsTotal: 20,
      commands: before + round * 20 * 103,
      listening: true,
    });
  }
  await until(async () => (await stats(proxy)).ownTimes.eventLoopDelay.samples > 0, {
    describe: 'the event-loop delay of the workers',
  });
  const metrics = await (await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`)).text();
  t.match(metrics, 'spillway_writes_total{rule="cache"} 6000\n');
  t.match(metrics, 'spillway_workers{state="running"} 4\n');
  t.match(metrics, 'spillway_worker_clients{worker="4"} 5\n');
  const ttl = await (await lookAt(t, redis)).call('PTTL', 'cache:7');
  t.ok(Number(String(ttl).slice(1)) > 3_500_000, 'and rules hold in each of them');
});

t.test('a killed worker is replaced; clients of other workers notice nothing', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2 });
  const clients = await clientsOf(t, proxy, 10);
  await Promise.all(clients.map((client, n) => client.call('SET', `cache:${n}`, 'v')));
  t.equal((await stats(proxy)).rules[0]?.writes, 10);
  const [victim] = (await workers(proxy)).workers;
  process.kill(victim?.pid as number, 'SIGKILL');
  await until(() => clients.filter(({ closed }) => closed).length >= 5);
  const left = clients.filter(({ closed }) => !closed);
  t.equal(left.length, 5);
  for (let i = 0; i < 100; i++) {
    for (const client of left) t.equal(String(await client.call('SET', `cache:${i}`, 'v')), '+OK\r\n');
  }
  const replaced = await until(async () => {
    const now = await workers(proxy);
    return now.running === 2 && now;
  }, PATIENCE);
  t.match(replaced, { configured: 2, restarts: 1, silent: 0 });
  t.not(replaced.workers[0]?.pid, victim?.pid);
  const told = (await proxy.admin('/api/events')).filter(({ kind }) => kind === 'worker');
  t.same(
    told.map(({ text }) => text),
    ['a new worker 1 serves clients', 'worker 1 ended (SIGKILL): its 5 clients lost their connections'],
  );
  t.equal((await stats(proxy)).rules[0]?.writes, 510, 'nothing counted is lost');
  t.match(await connections(proxy), { clients: 5, clientsTotal: 10 });
  const more = await clientsOf(t, proxy, 5);
  t.same(
    (await workers(proxy)).workers.map(({ clients }) => clients),
    [5, 5],
    'the new one gets what the other has more',
  );
  await more[0]?.call('SET', 'user:1', 'v');
  t.match((await stats(proxy)).rules, [{ writes: 510 }, { writes: 1, ttlInjected: 1 }]);
});

t.test('writes that a lost worker let through still count, as executed', WHOLE, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const proxy = await withWorkers(t, redis, { workers: 2, memory: { pollInterval: '1m', staleAfter: '5m' } });
  const [one, other] = await clientsOf(t, proxy, 2);
  const unseen = async () => (await proxy.admin('/api/memory')).growthSinceReadingBytes;
  void one?.write(
    Buffer.concat([command('BLPOP', 'none', 0), command('SET', 'user:1', Buffer.alloc(8 * MB))]),
  );
  await until(async () => (await unseen()) > 8 * MB);
  const before = await unseen();
  const all = (await workers(proxy)).workers;
  // Who serves that client shows when it ends.
  process.kill(all[0]?.pid as number, 'SIGKILL');
  await until(async () => one?.closed === true || other?.closed === true);
  t.ok(one?.closed, 'clients go to the workers in turn');
  await until(async () => (await workers(proxy)).running === 2, PATIENCE);
  // The last bytes of the value may have come since.
  t.ok((await unseen()) >= before);
  // A reading is due behind a command that may free memory.
  await other?.call('FLUSHALL');
  await until(async () => (await unseen()) === 0, { describe: 'a reading that counts it as executed' });
});

t.test('a worker that keeps ending is restarted with pauses, and runs in the end', WHOLE, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2 });
  for (let kill = 1; kill <= 2; kill++) {
    const { workers: all } = await until(async () => {
      const now = await workers(proxy);
      return now.running === 2 && now;
    }, PATIENCE);
    for (const { pid } of all) process.kill(pid, 'SIGKILL');
    await until(async () => (await workers(proxy)).restarts === 2 * kill, PATIENCE);
  }
  // While there is none, who connects waits: the port is open.
  const client = await withRaw(t, proxy.port, 20_000);
  t.equal(String(await client.call('PING')), '+PONG\r\n');
});

t.test('all workers killed at once: ready again once one is back', WHOLE, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2 });
  for (const { pid } of (await workers(proxy)).workers) process.kill(pid, 'SIGKILL');
  await until(async () => (await workers(proxy)).restarts === 2, PATIENCE);
  const ready = async () => (await fetch(`http://127.0.0.1:${proxy.adminPort}/readyz`)).status;
  await until(async () => (await ready()) === 200, PATIENCE);
});

t.test('a worker that hangs delays only its own figures', WHOLE, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2 });
  const clients = await clientsOf(t, proxy, 2);
  const { workers: all } = await workers(proxy);
  const [hung] = all;
  for (const client of clients) await client.call('SET', 'cache:1', 'v');
  t.equal((await stats(proxy)).rules[0]?.writes, 2);
  process.kill(hung?.pid as number, 'SIGSTOP');
  t.teardown(() => process.kill(hung?.pid as number, 'SIGCONT'));
  for (const client of clients) void client.write(command('SET', 'cache:1', 'v'));
  await until(async () => (await stats(proxy)).rules[0]?.writes === 3);
  // On a busy machine the other one may answer late, too, and the one that hung may for a while.
  const onceSilent = async (silent: number) =>
    until(async () => {
      const now = await workers(proxy);
      return now.silent === silent && now;
    });
  t.match(await onceSilent(1), { running: 2 });
  t.match(await connections(proxy), { clients: 2 });
  process.kill(hung?.pid as number, 'SIGCONT');
  await until(async () => (await stats(proxy)).rules[0]?.writes === 4);
  t.match(await onceSilent(0), { running: 2, restarts: 0 });
});

t.test('no more clients than maxClients, of all workers together', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2, limits: { maxClients: 5 } });
  const clients = await clientsOf(t, proxy, 5);
  const refused = await withRaw(t, proxy.port);
  t.equal(String(await refused.readUntilClosed()), '-ERR max number of clients reached\r\n');
  clients[3]?.destroy();
  await until(async () => (await connections(proxy)).clients === 4);
  const last = await withRaw(t, proxy.port);
  t.equal(String(await last.call('PING')), '+PONG\r\n');
  t.match(await connections(proxy), { clients: 5, clientsTotal: 6, clientsRejected: 1 });
});

t.test('writers of all workers at full speed never reach the limit', WHOLE, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const proxy = await withWorkers(t, redis, { memory: { pollInterval: '20ms', hysteresis: '1%' } });
  const clients = await clientsOf(t, proxy, 2 * WORKERS);
  const value = Buffer.alloc(2000, 'v');
  let [refused, peak] = [0, 0];
  const write = async (client: RawClient, who: number, round: number) => {
    const writes = Array.from({ length: 100 }, (_, i) =>
      command('SET', `${i % 2 === 0 ? 'cache' : 'user'}:${who}:${round}:${i}`, value),
    );
    void client.write(Buffer.concat(writes));
    const replies = await client.readReplies(writes.length);
    refused += replies.filter((reply) => String(reply) === OOM).length;
  };
  for (let round = 0; round < 20; round++) {
    await Promise.all(clients.map((client, who) => write(client, who, round)));
    const used = /^used_memory:(\d+)/m.exec(String(await direct.call('INFO', 'memory')))?.[1];
    peak = Math.max(peak, Number(used));
  }
  t.ok(refused > 4000, `${refused} of 16,000 refused`);
  t.ok(peak < 0.985 * 20 * MB, `peak ${peak}`);
  const { upstreamOom, rules } = await stats(proxy);
  t.equal(upstreamOom, 0, 'none by Redis itself');
  t.equal(
    rules.reduce((sum, { shed }) => sum + shed, 0),
    refused,
    'each is counted',
  );
});

t.test('a burst between two readings counts for all of them', WHOLE, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const proxy = await withWorkers(t, redis, { memory: { pollInterval: '1m', staleAfter: '5m' } });
  const clients = await clientsOf(t, proxy, WORKERS);
  const value = Buffer.alloc(10_000, 'v');
  let refused = 0;
  await Promise.all(
    clients.map(async (client, who) => {
      const writes = Array.from({ length: 1000 }, (_, i) => command('SET', `user:${who}:${i}`, value));
      void client.write(Buffer.concat(writes));
      const replies = await client.readReplies(writes.length);
      refused += replies.filter((reply) => String(reply) === OOM).length;
    }),
  );
  t.ok(refused > 1500 && refused < 3500, `${refused} of 4000 refused, 40 MB in all`);
  const used = /^used_memory:(\d+)/m.exec(String(await direct.call('INFO', 'memory')))?.[1];
  t.ok(Number(used) < 0.99 * 20 * MB, `${used} bytes used`);
  t.equal((await stats(proxy)).upstreamOom, 0, 'none by Redis itself');
});

t.test('OOM that Redis answers to one of them is known to all', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '60mb']);
  const direct = await lookAt(t, redis);
  for (let i = 0; i < 15; i++) await direct.call('SET', `pad:${i}`, Buffer.alloc(MB));
  // Readings are rare: what they know they know of each other.
  const proxy = await withWorkers(t, redis, {
    workers: 2,
    memory: { pollInterval: '1m', staleAfter: '5m' },
  });
  const clients = await clientsOf(t, proxy, 2);
  for (const client of clients) t.equal(String(await client.call('SET', 'user:1', 'v')), '+OK\r\n');
  await direct.call('CONFIG', 'SET', 'maxmemory', '15mb');
  t.equal(String(await clients[0]?.call('SET', 'user:2', 'v')), OOM, 'by Redis itself');
  await until(async () => {
    const before = (await stats(proxy)).upstreamOom;
    const replies = await Promise.all(clients.map((client) => client.call('SET', 'user:3', 'v')));
    return replies.every((reply) => String(reply) === OOM) && (await stats(proxy)).upstreamOom === before;
  });
  t.ok(Number((await stats(proxy)).rules[1]?.shed) >= 2, 'by all of them, without asking Redis');
});

t.test('signals to the whole group drain, as one to the primary does', async (t) => {
  for (const signal of FULL ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const)) {
    const redis = await withRedis(t);
    const proxy = await withWorkers(t, redis, { workers: 2 });
    const clients = await clientsOf(t, proxy, 4);
    const { workers: all } = await workers(proxy);
    for (const client of clients) void client.write(command('BLPOP', 'queue', 0));
    const direct = await lookAt(t, redis);
    await until(async () => /blocked_clients:4/.test(String(await direct.call('INFO', 'clients'))));
    // The proxy leads its own process group.
    process.kill(-proxy.pid, signal);
    const refused = await until(async () =>
      connectRaw(proxy.port).then(
        (client) => client.destroy(),
        () => true,
      ),
    );
    t.ok(refused, 'nobody new');
    for (let i = 0; i < 4; i++) await direct.call('RPUSH', 'queue', `job-${i}`);
    const jobs = await Promise.all(
      clients.map(async (client) => String(await client.readUntilClosed()).split('\r\n')[4]),
    );
    t.same(jobs.sort(), ['job-0', 'job-1', 'job-2', 'job-3'], 'what is under way is finished');
    t.same(await proxy.exited, { code: 0, signal: null });
    for (const { pid } of all) t.notOk(await runs(pid), 'no worker is left');
  }
});

t.test('a primary that is killed leaves nobody behind', WHOLE, async (t) => {
  const redis = await withRedis(t);
  const proxy = await withWorkers(t, redis, { workers: 2 });
  const clients = await clientsOf(t, proxy, 4);
  const { workers: all } = await workers(proxy);
  proxy.signal('SIGKILL');
  for (const { pid } of all) await until(async () => !(await runs(pid)), PATIENCE);
  await until(() => clients.every(({ closed }) => closed));
});

t.test('a port that is in use ends the start, and no worker is left', WHOLE, async (t) => {
  const redis = await withRedis(t);
  const first = await withWorkers(t, redis, { workers: 2 });
  const second = withWorkers(t, redis, { workers: 2, listen: `127.0.0.1:${first.port}` });
  await t.rejects(second, /cannot listen on 127\.0\.0\.1:\d+: the port is in use/);
});
