// A short run of random clients beside evictions, with one process and with workers; `npm run robustness -- evictions` is the
// long one.
import t from 'tap';
import { POOL } from '../support/proxy.js';
import { EvictionsCheck } from './evictions/check.js';
import { runSeed } from './fuzz/random.js';

const STEPS = 100;

const first = runSeed();
for (const workers of [1, 2]) {
  const seed = first + workers - 1;
  t.test(`SPILLWAY_SEED=${seed}, ${workers} worker(s)`, { timeout: 600_000 }, async (t) => {
    const check = await EvictionsCheck.create(t, seed, POOL, workers);
    await check.run(STEPS);
    const { wrong, evicted, commands, changes } = check.tally;
    t.same(wrong, []);
    t.ok(evicted > 0, `${evicted} keys evicted, ${commands} commands, ${changes} changes`);
  });
}
