// The long search for a key that should not have been evicted. `tsx test/robustness/evictions-full.ts`; prints TAP. So many
// minutes by SPILLWAY_MINUTES, from another seed by SPILLWAY_SEED; each run of STEPS has a seed of its own, which repeats it.
import t from 'tap';
import { keepRun } from '../support/figures.js';
import { POOL } from '../support/proxy.js';
import { EvictionsCheck } from './evictions/check.js';
import { Random, runSeed } from './fuzz/random.js';

const STEPS = 300;
const COUNTED = ['steps', 'commands', 'refused', 'evicted', 'changes', 'audits'] as const;
const minutes = Number(process.env.SPILLWAY_MINUTES ?? 10);

t.setTimeout(0);
t.test('random clients beside evictions, in full', { timeout: 0 }, async (t) => {
  const start = performance.now();
  const end = start + minutes * 60_000;
  const sums = { steps: 0, commands: 0, refused: 0, evicted: 0, changes: 0, audits: 0, wrong: 0 };
  for (let seed = runSeed(); performance.now() < end; seed++) {
    await t.test(`SPILLWAY_SEED=${seed}`, async (t) => {
      const workers = new Random(seed).pick([1, 2]);
      t.comment(`workers ${workers}`);
      const check = await EvictionsCheck.create(t, seed, POOL, workers);
      await check.run(STEPS);
      t.same(check.tally.wrong, []);
      for (const name of COUNTED) sums[name] += check.tally[name];
      sums.wrong += check.tally.wrong.length;
    });
  }
  keepRun('evictions', { seconds: Math.round((performance.now() - start) / 1000), ...sums });
});
