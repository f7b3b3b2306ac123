// A rule with evict and a budget makes room among its own keys in place of being refused, on a server that is nearly empty.
import t from 'tap';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { POOLS } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MB = 1024 * 1024;
const BUDGET = 20 * MB;
const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h', evict: true, budget: BUDGET },
  { name: 'other', match: 'other:*', ttl: '1h', evict: true },
];

for (const [i, pool] of POOLS.entries()) {
  const workers = i + 1;
  t.test(`pool ${pool}, ${workers} workers: the oldest keys of the rule go, and no other`, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '400mb']);
    const proxy = await withProxyProcess(t, {
      config: { upstream: { url: `redis://127.0.0.1:${redis.port}`, pool }, workers, rules: RULES },
    });
    let last: MemorySnapshot | undefined;
    const held = async (): Promise<number> => {
      last = await proxy.admin('/api/memory');
      return last.budgets[0]?.heldBytes ?? 0;
    };
    const patience = { timeoutMs: 60_000, describe: () => `room in the budget: ${JSON.stringify(last)}` };
    const clients = [await withRaw(t, proxy.port, 60_000), await withRaw(t, proxy.port, 60_000)];
    const set = async (prefix: string, from: number): Promise<string[]> => {
      const replies = clients.map(async (client, c) => {
        const sets = Array.from({ length: 50 }, (_, j) =>
          command('SET', `${prefix}:${c}:${from + j}`, 'x'.repeat(400)),
        );
        void client.write(Buffer.concat(sets));
        return (await client.readReplies(50)).map(String);
      });
      return (await Promise.all(replies)).flat();
    };
    await set('other', 0);
    let [refused, most, written] = [0, 0, 0];
    for (let n = 0; written < 2 * BUDGET; n += 50) {
      // The writers are no faster than the estimate: a machine may give all its time to them.
      if (written > 0.7 * BUDGET) await until(async () => (await held()) < 0.87 * BUDGET, patience);
      refused += (await set('cache', n)).filter((reply) => reply !== '+OK\r\n').length;
      written += 100 * 500;
      most = Math.max(most, await held());
    }
    // A worker reckons that the others write as much as it does, so it may refuse a few writes too many between two reports.
    const few = workers === 1 ? 0 : written / 500 / 200;
    t.ok(refused <= few, `${refused} of ${written / 500} writes are refused`);
    t.ok(most < BUDGET, `at most ${most} of ${BUDGET}`);
    const direct = await withRaw(t, redis.port, 20_000);
    const count = async (pattern: string): Promise<number> =>
      Number(String(await direct.call('EVAL', `return #redis.call('KEYS', '${pattern}')`, 0)).slice(1));
    const [rule] = (await proxy.admin('/api/stats')).rules;
    t.equal(rule?.shed, refused);
    t.ok((rule?.evictedBytes ?? 0) > BUDGET, `${rule?.evictedBytes} bytes went`);
    t.equal(await count('other:*'), 100, 'the other rule with evict keeps its keys');
    t.equal(await count('cache:0:0'), 0, 'the oldest went');
    const left = await count('cache:*');
    t.ok(left > 0.6 * (BUDGET / 550) && left < BUDGET / 450, `${left} keys are left`);
  });
}

t.test('keys from before the start go, and the rule is refused nothing once they are gone', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '400mb']);
  const direct = await withRaw(t, redis.port, 60_000);
  const fill = "for i = 1, ARGV[2] do redis.call('SET', ARGV[1] .. i, string.rep('x', 900)) end";
  await direct.call('EVAL', fill, 0, 'cache:old:', 30_000);
  await direct.call('EVAL', fill, 0, 'other:old:', 5000);
  const proxy = await withProxyProcess(t, {
    config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, rules: RULES },
  });
  let last: MemorySnapshot | undefined;
  const patience = { timeoutMs: 60_000, describe: () => `room in the budget: ${JSON.stringify(last)}` };
  await until(async () => {
    const memory: MemorySnapshot = await proxy.admin('/api/memory');
    last = memory;
    const [budget] = memory.budgets;
    return budget?.method === 'measured' && budget.heldBytes < 0.86 * BUDGET;
  }, patience);
  const client = await withRaw(t, proxy.port, 60_000);
  for (let i = 0; i < 100; i++) t.equal(String(await client.call('SET', `cache:new:${i}`, 'x')), '+OK\r\n');
  const count = async (pattern: string): Promise<number> =>
    Number(String(await direct.call('EVAL', `return #redis.call('KEYS', '${pattern}')`, 0)).slice(1));
  t.equal(await count('other:old:*'), 5000, 'the other rule keeps its keys');
  t.equal(await count('cache:new:*'), 100, 'the oldest go first');
  const left = await count('cache:old:*');
  t.ok(left > (0.6 * BUDGET) / 1100, `${left} keys are left: ${JSON.stringify(last?.budgets)}`);
});
