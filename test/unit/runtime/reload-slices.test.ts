// A reload of the most rules that a config may have: the event loop turns all the while, so clients are served.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { loadConfig, reloadConfig } from '../../../src/config/load.js';
import { SLICE } from '../../../src/core/policy/slices.js';
import { EventLog } from '../../../src/observe/history/event-log.js';
import { Reloader } from '../../../src/runtime/reload.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';

const MANY = 10_000;

t.test('the event loop turns between slices of a reload', async (t) => {
  const rules = Array.from({ length: MANY }, (_, i) => ({ name: `r${i}`, match: `*:p${i}:*x`, ttl: '1h' }));
  const file = path.join(t.testdir(), 'proxy.json');
  writeFileSync(file, JSON.stringify({ rules: rules.slice(0, 1) }));
  const sources = { file, env: {}, flags: {} };
  const first = loadConfig(sources);
  let [turns, atLoad, atAdopt] = [0, 0, 0];
  let turning = true;
  const turn = (): void => {
    turns++;
    if (turning) setImmediate(turn);
  };
  const reloader = new Reloader(
    first.config,
    {
      ...first,
      async load() {
        const before = turns;
        const loaded = await reloadConfig(sources);
        atLoad = turns - before;
        return loaded;
      },
    },
    async (next) => {
      atAdopt = turns - atLoad;
      t.ok(ruleSetOf(next).rules.length >= MANY);
      return [];
    },
    pino({ level: 'silent' }),
    new EventLog(Date.now),
  );
  t.teardown(() => reloader.close());
  writeFileSync(file, JSON.stringify({ rules }));
  setImmediate(turn);
  t.match(await reloader.reload('SIGHUP'), { ok: true, rules: MANY });
  turning = false;
  // A slice of the warnings and one of the patterns, of each of their steps.
  t.ok(atLoad >= (2 * MANY) / SLICE, `${atLoad} turns while it was read`);
  t.ok(atAdopt >= (4 * MANY) / SLICE, `${atAdopt} turns while it was compiled`);
});
