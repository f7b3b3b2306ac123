// Budgets of rules on a real server: what the keys of a rule hold stays within 10% of the budget by the server's own measure,
// whoever writes, and nothing else is refused. Keys that were there before count.
import t, { type Test } from 'tap';
import type { AskAdmin } from '../support/ask-admin.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const OOM = /^-OOM/;
/** Large beside what three writers without a pause write before two workers have told each other. */
const BUDGET = 8 * 1024 * 1024;
const RULES = [
  { name: 'run', match: 'run:*', ttl: '1h', applyTo: 'all', budget: BUDGET },
  { name: 'other', match: 'other:*', ttl: '1h' },
];
const PATIENCE = { timeoutMs: 30_000 };

const budgetOf = async (proxy: { admin: AskAdmin }) => (await proxy.admin('/api/memory')).budgets[0];

/** What the rule's keys hold, as the server says, all elements counted. */
async function truth(direct: RawClient): Promise<number> {
  const script =
    "local sum = 0 for _, key in ipairs(redis.call('KEYS', 'run:*')) do sum = sum + (redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) or 0) end return sum";
  return Number(String(await direct.call('EVAL', script, 0)).slice(1));
}

async function pipeline(client: RawClient, commands: (string | number)[][]): Promise<string[]> {
  void client.write(Buffer.concat(commands.map((words) => command(...words))));
  return (await client.readReplies(commands.length)).map(String);
}

let last = 0;

/** Writes new keys, writes some again, deletes and expires some: more grows than ends. */
function runaway(): (string | number)[][] {
  return Array.from({ length: 50 }, () => {
    const n = ++last;
    const before = Math.floor(n / 2);
    if (n % 11 === 0) return ['DEL', `run:s:${before}`];
    if (n % 13 === 0) return ['PEXPIRE', `run:h:${before}`, 1500];
    if (n % 3 === 0) return ['HSET', `run:h:${n % 2 ? n : before}`, `f${n % 20}`, 'x'.repeat(50 + (n % 200))];
    return ['SET', `run:s:${n % 5 ? n : before}`, 'x'.repeat(20 + ((n * 7919) % 1500))];
  });
}

async function flood(t: Test, port: number, done: () => boolean): Promise<void> {
  const client = await withRaw(t, port, 20_000);
  while (!done()) await pipeline(client, runaway());
}

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    // npm test plays each pool and each number once.
    if (!FULL && (pool === 'session') === (workers === 1)) continue;
    t.test(
      `pool ${pool}, ${workers} workers: a runaway writer ends at its budget, and nobody else notices`,
      async (t) => {
        const redis = await withRedis(t, ['--maxmemory', '128mb']);
        const proxy = await withProxyProcess(t, {
          config: {
            upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
            workers,
            rules: RULES,
          },
        });
        const direct = await withRaw(t, redis.port, 20_000);
        const others = await withRaw(t, proxy.port, 20_000);
        let done = false;
        let refusedOthers = 0;
        const writers = [1, 2, 3].map(() => flood(t, proxy.port, () => done));
        const neighbor = (async () => {
          for (let i = 0; !done; i++) {
            if (OOM.test(String(await others.call('SET', `other:${i % 100}`, 'x'.repeat(100)))))
              refusedOthers++;
          }
        })();
        await until(async () => ((await budgetOf(proxy))?.refusedShare ?? 0) > 0.5, PATIENCE);
        const shares: number[] = [];
        for (let i = 0; i < 5; i++) {
          const { writes } = (await proxy.admin('/api/stats')).rules[1] ?? { writes: 0 };
          await until(
            async () => ((await proxy.admin('/api/stats')).rules[1]?.writes ?? 0) > writes + 100,
            PATIENCE,
          );
          shares.push((await truth(direct)) / BUDGET);
        }
        done = true;
        await Promise.all([...writers, neighbor]);
        for (const share of shares) t.ok(share > 0.85 && share < 1.1, `${share} of the budget`);
        t.equal(refusedOthers, 0);
        const [rule] = (await proxy.admin('/api/stats')).rules;
        t.ok((rule?.shedBy.budget ?? 0) > 0);
        t.match(Object.keys(rule?.shedBy ?? {}), ['budget']);
        // The estimate is settled once nobody writes.
        await until(async () => {
          const held = (await budgetOf(proxy))?.heldBytes ?? 0;
          return Math.abs(held / (await truth(direct)) - 1) < 0.1;
        }, PATIENCE);
        t.match(await budgetOf(proxy), { method: 'measured', budgetBytes: BUDGET });
      },
    );
  }
}

t.test('keys from before, deletes, FLUSHALL, reload and observe', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '128mb']);
  const direct = await withRaw(t, redis.port, 20_000);
  const old = Array.from({ length: 3000 }, (_, i) => ['SET', `run:old:${i}`, 'x'.repeat(1000)]);
  await pipeline(direct, old);
  let budget: number | string = '1%';
  let mode = 'enforce';
  const config = () => ({ rules: [{ name: 'run', match: 'run:*', durable: true, budget, mode }] });
  const proxy = await withProxy(t, { redis, config: config(), reloaded: config });
  await until(async () => (await budgetOf(proxy))?.method === 'measured', PATIENCE);
  const held = (await budgetOf(proxy))?.heldBytes ?? 0;
  t.ok(Math.abs(held / (await truth(direct)) - 1) < 0.05, 'those that were there before count');
  const client = await withRaw(t, proxy.port, 20_000);
  t.match(String(await client.call('SET', 'run:new', 'x')), OOM);
  const explain = () => proxy.admin('/api/explain?key=run:new');
  t.match(await explain(), {
    keys: [
      {
        budget: {
          setting: '1%',
          budgetBytes: Number,
          heldBytes: Number,
          refusedShare: 1,
          method: 'measured',
        },
      },
    ],
    now: { shed: true, refused: { reason: 'budget' } },
  });
  await pipeline(
    client,
    Array.from({ length: 2500 }, (_, i) => ['DEL', `run:old:${i}`]),
  );
  t.equal(
    String(await client.call('SET', 'run:new', 'x')),
    '+OK\r\n',
    'what was deleted counts no more, at once',
  );
  budget = 300 * 1024;
  await proxy.running.reload('POST /api/reload');
  await until(async () => OOM.test(String(await client.call('SET', 'run:new', 'x'))), PATIENCE);
  mode = 'observe';
  await proxy.running.reload('POST /api/reload');
  t.equal(String(await client.call('SET', 'run:new', 'x')), '+OK\r\n');
  t.ok(((await proxy.admin('/api/stats')).rules[0]?.wouldShedBy.budget ?? 0) > 0);
  mode = 'enforce';
  await proxy.running.reload('POST /api/reload');
  await client.call('FLUSHALL');
  t.equal((await budgetOf(proxy))?.heldBytes, 0);
  t.equal(String(await client.call('SET', 'run:new', 'x')), '+OK\r\n');
});

t.test('without the right to look at keys, the estimate comes from writes', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '128mb']);
  const direct = await withRaw(t, redis.port, 20_000);
  await direct.call(
    'ACL',
    'SETUSER',
    'monitor',
    'on',
    '>secret',
    '~*',
    '+info',
    '+command',
    '+client',
    '+ping',
  );
  const proxy = await withProxy(t, {
    redis,
    config: { rules: RULES, upstream: { url: `redis://monitor:secret@127.0.0.1:${redis.port}` } },
  });
  await until(async () => (await budgetOf(proxy))?.method === 'written', PATIENCE);
  const client = await withRaw(t, proxy.port, 20_000);
  for (let i = 0; i < 120; i++) {
    await pipeline(
      client,
      Array.from({ length: 100 }, (_, n) => ['SET', `run:${i}:${n}`, 'x'.repeat(1000)]),
    );
  }
  const share = (await truth(direct)) / BUDGET;
  t.ok(share > 0.85 && share < 1.15, `${share} of the budget`);
});
