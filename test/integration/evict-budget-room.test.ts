// A rule near its budget whose keys no ring knows, on a real server: SCAN finds them, no more go than it owes, and none of
// another rule. The process has no key of its own here.
import t from 'tap';
import { Priority } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { BudgetRoom } from '../../src/evict/budget-room.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const BYTES = 1200;
const BUDGET = (2500 * BYTES) / 0.87;
const ruleOf = (slot: number, glob: string, evict: boolean) => ({
  ...{
    slot,
    name: glob,
    globs: [Buffer.from(glob)],
    ttlMs: 0,
    maxTtlMs: 0,
    jitter: 0,
    durable: false,
    evict,
  },
  ...{ priority: Priority.NORMAL, observe: false, applyToAll: false, renew: false },
  ...{ refusesScripts: false, scriptTtl: false },
});
const rules = new RuleSet({
  rules: [ruleOf(1, 'a:*', true), ruleOf(2, 'b:*', true), ruleOf(3, 'c:*', false)],
  unregistered: { priority: Priority.NORMAL, observe: false },
});

t.test('keys that only SCAN finds', async (t) => {
  const redis = await withRedis(t);
  const direct = await withRaw(t, redis.port);
  const fill = "for i = 1, ARGV[2] do redis.call('SET', ARGV[1] .. i, string.rep('x', 1100)) end";
  const count = async (glob: string): Promise<number> =>
    Number(String(await direct.call('EVAL', `return #redis.call('KEYS', '${glob}')`, 0)).slice(1));
  for (const prefix of ['a:', 'b:', 'c:']) await direct.call('EVAL', fill, 0, prefix, 2500);
  let now = 0;
  const evicted = new Map<number, number>();
  const room = new BudgetRoom({
    endpoint: () => ({ host: '127.0.0.1', port: redis.port, connectTimeoutMs: 1000 }),
    clock: () => now,
    knows: () => false,
    rules: () => rules,
    onEvicted: (slot, keys) => void evicted.set(slot, (evicted.get(slot) ?? 0) + keys),
    onGone: () => {},
  });
  t.teardown(() => room.close());
  const heldBy = (slot: number): number => (2500 - (evicted.get(slot) ?? 0)) * BYTES;
  const states = () => [1, 2].map((slot) => ({ slot, heldBytes: heldBy(slot), budgetBytes: slot * BUDGET }));
  const stock = [{ slot: 1, keys: 1, bytes: 0, oldestMs: 1 }];

  t.same([...room.look(states(), stock).keys()], [1], 'at first the hands must free it: rings report late');
  t.notOk(String(await direct.call('CLIENT', 'LIST')).includes('spillway-evictor'));
  await until(() => {
    now += 30;
    return room.look(states(), stock).size === 0;
  });
  await until(() => {
    now += 30;
    room.look(states(), stock);
    return heldBy(1) <= 0.8 * BUDGET;
  });
  now += 30;
  room.look(states(), stock);
  const left = await count('a:*');
  t.ok(left <= 2300 && left > 1700, `${left} keys are left`);
  t.equal(await count('b:*'), 2500, 'a rule below its budget keeps its keys');
  t.equal(await count('c:*'), 2500);
  t.ok(room.freed > 0);

  const crowded = [{ slot: 1, heldBytes: 0.95 * BUDGET, budgetBytes: BUDGET }];
  const helped = room.look(crowded, stock).get(1) ?? 0;
  t.ok(Math.abs(helped - 0.07 * BUDGET) < 1, 'near the share that refuses, the hands need not wait for SCAN');

  // The estimate is wrong, or the rings know them: after a walk that found nothing, the hands must free it.
  await direct.call('EVAL', "for _, k in ipairs(redis.call('KEYS', 'a:*')) do redis.call('DEL', k) end", 0);
  evicted.clear();
  await until(() => {
    now += 30;
    return room.look(states(), stock).has(1);
  });
  t.same([...evicted.keys()], []);
});
