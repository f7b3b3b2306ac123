// A rehearsal: while it lasts writes are refused as if memory were so full, it shows wherever memory does, it ends by
// itself or on request, and what memory really demands is refused all the same.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import type { MemorySnapshot, RehearsalSnapshot } from '../../src/memory/snapshot.js';
import type { LoggedEvent } from '../../src/observe/history/event-log.js';
import { startProxy } from '../../src/runtime/proxy.js';
import { POOL } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-of-this-test';
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const RULES = [
  { name: 'low', match: 'low:*', durable: true, priority: 'low' },
  { name: 'watched', match: 'watched:*', durable: true, priority: 'low', mode: 'observe' },
  { name: 'critical', match: 'critical:*', durable: true, priority: 'critical' },
];
const EVICTING = [
  RULES[0],
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true },
  { name: 'watch', match: 'watch:*', ttl: '1h', priority: 'low', evict: true, mode: 'observe' },
  { name: 'pages', match: 'page:*', ttl: '1h', evict: true },
];
const MEMORY = {
  pollInterval: '20ms',
  shed: { low: ['70%', '80%'], normal: ['80%', '90%'] },
  evict: { start: '66%', stop: '64%' },
  reserve: 'off',
};

async function withGuarded(t: Test, redis: { port: number }, workers: number, rules: unknown = RULES) {
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    upstream: { url: `redis://127.0.0.1:${redis.port}`, pool: POOL },
    memory: MEMORY,
    rules,
    workers,
  });
  const running = await startProxy(compileConfig(config, { adminToken: TOKEN }), pino({ level: 'silent' }));
  t.teardown(() => running.stop(0));
  const ask = async (path: string, method = 'GET', body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${running.adminAddress?.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: () => JSON.parse(text) as unknown };
  };
  const memory = async () => (await ask('/api/memory')).json() as MemorySnapshot;
  return { port: running.address.port, ask, memory };
}

const set = async (client: RawClient, key: string) => String(await client.call('SET', key, 'x'));

for (const workers of [1, 2]) {
  t.test(`begun and ended, ${workers} worker(s)`, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '50mb']);
    const { port, ask, memory } = await withGuarded(t, redis, workers);
    const clients = [await withRaw(t, port), await withRaw(t, port)];
    const everywhere = (key: string) => Promise.all(clients.map((client) => set(client, key)));
    const both = (answer: string) => clients.map(() => answer);
    t.same(await everywhere('low:1'), both('+OK\r\n'));
    t.equal((await memory()).rehearsal, null);

    const begun = await ask('/api/simulate', 'POST', { pressure: 0.85, seconds: 600 });
    t.equal(begun.status, 200);
    t.match(begun.json() as RehearsalSnapshot, { pressure: 0.85, endsAt: /^2\d{3}-/, secondsLeft: Number });
    await until(async () => (await everywhere('low:1')).every((answer) => answer === OOM), {
      describe: 'low writes to be refused by all workers',
    });
    t.same(await everywhere('watched:1'), both('+OK\r\n'), 'a rule that observes refuses nothing');
    t.same(await everywhere('critical:1'), both('+OK\r\n'));
    const seen = await memory();
    t.match(seen, {
      rehearsal: { pressure: 0.85 },
      level: { low: { shedShare: 1 }, high: { shedShare: 0 } },
    });
    t.ok((seen.pressure ?? 1) < 0.5, 'the reading is what it is');
    t.match((await ask('/metrics')).text, /^spillway_rehearsal_active 1$/m);
    t.match((await ask('/api/explain?key=low:1')).json(), {
      now: { shed: true, rehearsal: 0.85 },
    });
    t.match(
      ((await ask('/api/events')).json() as LoggedEvent[]).map(({ text }) => text).join('\n'),
      'as if memory were 85% full',
    );

    t.equal((await ask('/api/simulate', 'DELETE')).status, 204);
    await until(async () => (await everywhere('low:1')).every((answer) => answer === '+OK\r\n'), {
      describe: 'low writes to be admitted again',
    });
    t.match(await memory(), { rehearsal: null, level: { low: { shedShare: 0 }, normal: { shedShare: 0 } } });

    await ask('/api/simulate', 'POST', { pressure: 1, seconds: 1 });
    await until(async () => (await everywhere('normal:1')).every((answer) => answer === '+OK\r\n'), {
      timeoutMs: 20_000,
      describe: 'the rehearsal to end by itself',
    });
    t.match((await ask('/api/events')).json(), [{ kind: 'rehearsal', text: /ended: its time is over/ }]);
    const written = (await withRaw(t, redis.port)).call('GET', 'normal:1');
    t.equal(String(await written), '$1\r\nx\r\n');
  });
}

for (const workers of [1, 2]) {
  t.test(`says what would be evicted, and evicts nothing, ${workers} worker(s)`, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '50mb']);
    const { port, ask, memory } = await withGuarded(t, redis, workers, EVICTING);
    const client = await withRaw(t, port);
    const value = 'x'.repeat(8000);
    for (let i = 0; i < 500; i++)
      for (const name of ['cache', 'page', 'watch']) await client.call('SET', `${name}:${i}`, value);
    await until(async () => (await memory()).eviction?.rules.reduce((n, { keys }) => n + keys, 0) === 1500, {
      timeoutMs: 60_000,
      describe: 'the evictor to know all keys',
    });
    const rehearse = async (pressure: number) =>
      (await ask('/api/simulate', 'POST', { pressure, seconds: 600 })).json() as RehearsalSnapshot;
    t.same((await rehearse(0.3)).wouldEvict?.rules, [], 'with 30% and these keys memory is below the start');
    const some = (await rehearse(0.5)).wouldEvict;
    t.match(some, { rules: [{ rule: 'cache' }, { rule: 'watch' }] }, 'those of the lowest priority');
    const [cache, watch] = some?.rules ?? [];
    t.ok((cache?.keys ?? 0) > 0 && (cache?.keys ?? 0) < 500, `${cache?.keys} of 500 keys`);
    t.equal(watch?.keys, cache?.keys, 'a rule that observes is told of, too');
    t.ok(
      Math.abs(0.5 * 50 * 2 ** 20 + (some?.keptBytes ?? 0) - 0.64 * 50 * 2 ** 20) < 1000,
      'down to evict.stop',
    );
    const metrics = (await ask('/metrics')).text;
    for (const rule of ['cache', 'watch'])
      t.match(metrics, new RegExp(`^spillway_rehearsal_evict_keys\\{rule="${rule}"\\} [1-9]`, 'm'));
    t.notMatch(metrics, /^spillway_rehearsal_evict_bytes\{rule="pages"/m);
    const all = (await rehearse(0.95)).wouldEvict;
    t.match(all, { keptBytes: 0, rules: [{ keys: 500 }, { keys: 500 }, { rule: 'pages', keys: 500 }] });
    t.match(
      ((await ask('/api/events')).json() as LoggedEvent[]).map(({ text }) => text).join('\n'),
      /95% full; if memory were really so full, Spillway would evict keys of cache \(500 keys, \d.* MB\), watch/,
    );
    await until(async () => String(await client.call('SET', 'low:1', 'x')) === OOM, { timeoutMs: 60_000 });
    const { rehearsal } = await until(
      async () => {
        const seen = await memory();
        return (seen.rehearsal?.refused.length ?? 0) > 0 && seen;
      },
      { timeoutMs: 60_000, describe: 'the refusals to be counted' },
    );
    t.match(rehearsal?.refused, [{ rule: 'low', shed: Number, wouldShed: 0 }]);
    t.equal(String(await (await withRaw(t, redis.port)).call('DBSIZE')), ':1500\r\n', 'every key is there');
    t.match((await memory()).eviction, { phase: 'waiting', active: false });
  });
}

t.test('impossible rehearsals, and users without the right, are refused', async (t) => {
  const redis = await withRedis(t);
  const { ask, memory } = await withGuarded(t, redis, 1);
  const refused = await ask('/api/simulate', 'POST', { pressure: 0.9, seconds: 60 });
  t.equal(refused.status, 409, 'no maxmemory');
  t.match(refused.json(), {
    error: 'not_shedding',
    message: /refuses nothing here: shedding is off/,
  });
  for (const [body, message] of [
    [{ pressure: '0.9', seconds: 60 }, /^pressure must be a number/],
    [{ pressure: 0.9, seconds: 3601 }, /^seconds must be at most 3600/],
    [{ pressure: 0, seconds: 0 }, /^pressure must be above 0: 1 is full; seconds must be at least 1$/],
    [{ pressure: 0.9, seconds: 60, more: 1 }, /and nothing else/],
    [[], /^must be \{ "pressure"/],
  ] as const) {
    const answer = await ask('/api/simulate', 'POST', body);
    t.equal(answer.status, 422, JSON.stringify(body));
    t.match(answer.json(), { error: 'body_invalid', message });
  }
  t.equal((await memory()).rehearsal, null);
});

t.test('a rehearsal takes nothing away from what memory demands', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const { port, ask, memory } = await withGuarded(t, redis, 1);
  // Less than an empty server takes.
  await (await withRaw(t, redis.port)).call('CONFIG', 'SET', 'maxmemory', '500kb');
  await until(async () => (await memory()).level.normal.shedShare === 1, { describe: 'memory to be full' });
  const client = await withRaw(t, port);
  t.equal((await ask('/api/simulate', 'POST', { pressure: 0.1, seconds: 60 })).status, 200);
  t.equal(await set(client, 'normal:1'), OOM);
  t.equal((await ask('/api/simulate', 'DELETE')).status, 204);
  t.equal(await set(client, 'normal:1'), OOM);
});
