// On real servers that evict: what can be evicted is what a scan of all keys says; a full one is no trouble; a policy that is
// switched counts with the next reading; a user that may not look at keys makes the estimate rough, and is told so once.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { evictableOf } from '../../src/memory/evictable.js';
import { parseKeyspace, parseMemory } from '../../src/memory/reading.js';
import { KeySampler } from '../../src/memory/sampling/key-sampler.js';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { withIoredis } from '../support/ioredis.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { lognormal, seeded } from '../support/random.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

/** What a key with a TTL holds beside what MEMORY USAGE says: docs/FORECAST.md. */
const TTL_BYTES = 32;
const RULES = [{ name: 'low', match: 'low:*', durable: true, priority: 'low' }];
const CONFIG = { rules: RULES, memory: { pollInterval: '100ms', reserve: 'off' } };

const memory = (proxy: TestProxy) => proxy.admin('/api/memory');
const headline = async (proxy: TestProxy) => (await memory(proxy)).reason;

/** Sends them all in one pipeline. */
async function send(
  client: RawClient,
  commands: readonly (readonly (string | number | Buffer)[])[],
): Promise<string[]> {
  const replies: string[] = [];
  for (let i = 0; i < commands.length; i += 1000) {
    const part = commands.slice(i, i + 1000);
    await client.write(
      Buffer.concat(
        part.map(([name, ...args]) =>
          command(String(name), ...args.map((arg) => (typeof arg === 'number' ? String(arg) : arg))),
        ),
      ),
    );
    replies.push(...(await client.readReplies(part.length)).map(String));
  }
  return replies;
}

const whole = (reply: string): number => Number(/-?\d+/.exec(reply)?.[0]);

async function used(client: RawClient): Promise<number> {
  return whole(/used_memory:\d+/.exec(String(await client.call('INFO', 'memory')))?.[0].slice(12) ?? '');
}

/** Caches of these sizes until so much is used, and lists of durable elements. */
async function fill(client: RawClient, size: () => number, upTo: number): Promise<string[]> {
  const value = Buffer.alloc(60_000, 'v');
  const names: string[] = [];
  while ((await used(client)) < upTo) {
    const some = Array.from({ length: 2000 }, () => {
      names.push(`cache:${names.length}`);
      return ['SET', names.at(-1) as string, value.subarray(0, size()), 'EX', 3600] as const;
    });
    await send(client, some);
  }
  return names;
}

async function scanned(client: RawClient, names: readonly string[]): Promise<number> {
  const sizes = await send(
    client,
    names.map((name) => ['MEMORY', 'USAGE', name, 'SAMPLES', 0]),
  );
  return sizes.reduce((sum, reply) => sum + (reply.startsWith(':') ? whole(reply) + TTL_BYTES : 0), 0);
}

/** The estimate, once it comes from some hundred samples. */
async function settled(proxy: TestProxy): Promise<MemorySnapshot> {
  const first = (await memory(proxy)).polls;
  return until(
    async () => {
      const now = await memory(proxy);
      return now.evictableErrorBytes !== null && now.polls > first + 60 && now;
    },
    { timeoutMs: 60_000, describe: 'an estimate by samples' },
  );
}

async function server(t: Test, policy: string, args: string[] = []) {
  const redis = await withRedis(t, ['--maxmemory', '100mb', '--maxmemory-policy', policy, ...args]);
  return { redis, direct: await withRaw(t, redis.port) };
}

/** Caches with a TTL, half of the server, and a durable list of 20 MB. */
async function cachesAndList(direct: RawClient, size: () => number): Promise<string[]> {
  const names = await fill(direct, size, 50e6);
  const element = Buffer.alloc(1000, 'e');
  await send(
    direct,
    Array.from({ length: 20_000 }, () => ['RPUSH', 'list', element]),
  );
  return names;
}

t.test('evictable memory is within 10% of a scan for equal sizes', async (t) => {
  const { redis, direct } = await server(t, 'volatile-lru');
  const names = await cachesAndList(direct, () => 300);
  const proxy = await withProxy(t, { redis, config: CONFIG });
  const seen = await settled(proxy);
  await proxy.running.stop(0);
  const truth = await scanned(direct, names);
  const off = (seen.evictableBytes ?? 0) / truth - 1;
  t.ok(Math.abs(off) < 0.1, `${Math.round(off * 100)}% off`);
  t.ok(Math.abs((seen.committedBytes ?? 0) - ((seen.usedBytes ?? 0) - truth)) < 0.1 * truth);
  t.equal(seen.serverEvicts, 'volatile');
});

// A proxy has some 400 samples at a time, whose error is 15% then: no bound that a test could hold. So many that it is 4%
// come from the sampler itself.
t.test('evictable memory is within 25% of a scan for lognormal sizes', async (t) => {
  const { redis, direct } = await server(t, 'volatile-lru');
  const random = seeded(11);
  const names = await cachesAndList(direct, () => lognormal(random, 1.5));
  const client = withIoredis(t, redis.port);
  const keyspace = parseKeyspace(await client.info('keyspace'), await client.info('replication'));
  const reading = parseMemory(await client.info('memory'));
  const sampler = new KeySampler({
    ask: async (questions) =>
      (await client.pipeline(questions.map((question) => [...question])).exec()) ?? [],
    keyspace: () => keyspace,
    isNear: () => true,
    clock: () => 0,
    random,
    log: pino({ level: 'silent' }),
  });
  while (sampler.samples < 3500) await sampler.round();
  const seen = evictableOf(reading, keyspace, sampler.window, 0);
  const truth = await scanned(direct, names);
  const off = seen.bytes / truth - 1;
  t.ok(Math.abs(off) < 0.25, `${Math.round(off * 100)}% off`);
  t.equal(seen.basis, 'sampled');
});

t.test(
  'a full server that evicts refuses nothing, until what has no TTL fills it; policies are switched',
  async (t) => {
    const { redis, direct } = await server(t, 'volatile-lru');
    const proxy = await withProxy(t, { redis, config: CONFIG });
    const client = await withRaw(t, proxy.port);
    await fill(direct, () => 1000, 95e6);
    await send(
      direct,
      Array.from({ length: 30_000 }, (_, i) => ['SET', `more:${i}`, 'x'.repeat(1000), 'EX', 3600]),
    );
    await direct.call('RPUSH', 'list', 'first');
    const ok = async () => String(await client.call('HSET', 'low:1', 'field', 'x'));
    const reached = (done: (now: MemorySnapshot) => boolean) =>
      until(
        async () => {
          const now = await memory(proxy);
          return done(now) && now;
        },
        { timeoutMs: 20_000 },
      );
    const fullOne = await reached((now) => (now.usedShare ?? 0) > 0.97 && now.evictableErrorBytes !== null);
    t.ok((fullOne.pressure ?? 1) < 0.5, `${fullOne.pressure}`);
    t.match(await ok(), /^:/);
    t.match(await headline(proxy), /volatile-lru Redis refuses writes once no key with a TTL is left/);
    await reached((now) => now.evictedKeysPerSecond > 0);

    await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    const all = await reached((now) => now.serverEvicts === 'all');
    t.match(all, { active: false, policy: 'allkeys-lfu' });
    await until(async () => (await proxy.admin('/api/growth')).timeToFull === null, {
      describe: 'no time until it is full',
    });
    await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    const none = await reached((now) => now.serverEvicts === 'none');
    t.match(none, { evictableBytes: 0, active: true });
    t.equal(none.pressure, none.usedShare);
    t.match(String(await client.call('HSET', 'low:2', 'field', 'x')), /^-OOM/);
    await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
    await reached((now) => (now.pressure ?? 1) < 0.5);
    await until(async () => (await ok()).startsWith(':'));

    const element = Buffer.alloc(10_000, 'e');
    const low = await until(
      async () => {
        await send(
          direct,
          Array.from({ length: 50 }, () => ['RPUSH', 'list', element]),
        );
        const now = await memory(proxy);
        return now.level.low.shedShare === 1 && now;
      },
      { timeoutMs: 60_000 },
    );
    // What went up since the reading counts, too: the reading itself is somewhat lower.
    t.ok((low.pressure ?? 0) > 0.85, `${low.pressure}`);
    t.match(String(await client.call('HSET', 'low:3', 'field', 'x')), /^-OOM/);
    t.match(
      String(await client.call('SET', 'low:4', 'x', 'EX', '60')),
      '+OK\r\n',
      'what can be evicted passes',
    );
  },
);

t.test('without the right to look at keys the estimate is rough, and the log says so once', async (t) => {
  const { redis, direct } = await server(t, 'volatile-lru');
  await direct.call('ACL', 'SETUSER', 'monitor', 'on', '>secret', '+info', '+command', '+ping');
  await fill(direct, () => 1000, 20e6);
  await send(
    direct,
    Array.from({ length: 1000 }, (_, i) => ['SET', `durable:${i}`, 'x']),
  );
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const proxy = await withProxy(t, {
    redis,
    log,
    config: { ...CONFIG, upstream: { url: `redis://monitor:secret@127.0.0.1:${redis.port}` } },
  });
  const { polls } = await memory(proxy);
  const seen = await until(async () => {
    const now = await memory(proxy);
    return now.polls > polls + 20 && now;
  });
  t.equal(seen.evictableErrorBytes, null);
  t.ok((seen.evictableBytes ?? 0) > 10e6);
  t.equal(lines.filter((line) => /cannot look at random keys/.test(line)).length, 1);
});
