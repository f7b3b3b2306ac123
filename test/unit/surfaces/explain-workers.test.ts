// An explanation of several workers comes from the primary, which serves no client and knows no keys: it says so where that matters.
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import { Quotas } from '../../../src/core/policy/quota.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { Scripts } from '../../../src/core/policy/scripts.js';
import { ALL, ShedGate } from '../../../src/core/policy/shed.js';
import { LIKELY_FORM } from '../../../src/runtime/follow-up-form.js';
import { commandTableOf, ruleSetOf, scriptsOf } from '../../../src/runtime/rules.js';
import { explain } from '../../../src/surfaces/explain/explain.js';

const config = compileConfig(
  configSchema.parse({ rules: [{ name: 'low', match: 'low:*', durable: true, priority: 'low' }] }),
);
const table = commandTableOf(config);

/** What is said of HSET to a low key, of which so large a share is refused. */
function said(share: number, keys?: KeyMemory): string {
  const gate = new ShedGate();
  gate.active = gate.byKey = true;
  gate.thresholds[Priority.LOW] = gate.byBand[Priority.LOW] = share * ALL;
  const now = { gate, quotas: new Quotas(), budgets: [], keys, pressure: 0.9, rehearsal: null, reason: 'on' };
  const { keys: explained } = explain(
    {
      ...{ rules: ruleSetOf(config), table, form: LIKELY_FORM, pointsInTime: true, lookaheadBytes: 1024 },
      ...{
        scripts: new Scripts(scriptsOf(config, table)),
        bands: config.memory.bands,
        reserved: [0, 0, 0, 0],
      },
      now,
    },
    { key: 'low:1', command: ['HSET', 'low:1', 'f', 'v'] },
  );
  t.equal(explained[0]?.shed.now, share > 0);
  return explained[0]?.shed.why ?? '';
}

t.test('a worker may know better', async (t) => {
  const knows = /each worker knows the keys of its own clients/;
  t.match(said(0.999), knows);
  t.notMatch(said(0.999, new KeyMemory(() => 0)), knows, 'one process knows them itself');
  t.notMatch(said(1), knows, 'where all are refused no worker lets one pass');
  t.notMatch(said(0), knows);
});
