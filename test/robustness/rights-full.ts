// The long search for a client with the wrong rights. `tsx test/robustness/rights-full.ts`; prints TAP. So many minutes by
// SPILLWAY_MINUTES, from another seed by SPILLWAY_SEED; each run of STEPS has a seed of its own, which repeats it, and also
// decides on the transports and the number of workers.
import t from 'tap';
import { keepRun } from '../support/figures.js';
import { POOL } from '../support/proxy.js';
import { TRANSPORTS } from '../support/transport.js';
import { Random, runSeed } from './fuzz/random.js';
import { RightsCheck } from './rights/check.js';

const STEPS = 1000;
const COUNTED = ['steps', 'replies', 'ended', 'lost', 'anew', 'replaced', 'underway'] as const;
const minutes = Number(process.env.SPILLWAY_MINUTES ?? 10);

t.setTimeout(0);
t.test('random logins under random changes of rights, in full', { timeout: 0 }, async (t) => {
  const start = performance.now();
  const end = start + minutes * 60_000;
  const sums = { steps: 0, replies: 0, wrong: 0, ended: 0, lost: 0, anew: 0, replaced: 0, underway: 0 };
  let seed = runSeed();
  for (; performance.now() < end; seed++) {
    await t.test(`SPILLWAY_SEED=${seed}`, async (t) => {
      const random = new Random(seed);
      const way = {
        ...{ front: random.pick(TRANSPORTS), back: random.pick(TRANSPORTS) },
        workers: random.pick([1, 2]),
      };
      t.comment(JSON.stringify(way));
      const check = await RightsCheck.create(t, seed, POOL, way);
      const { tally } = check;
      await check.run(() => tally.steps === STEPS);
      t.same(tally.wrong, []);
      for (const name of COUNTED) sums[name] += tally[name];
      sums.wrong += tally.wrong.length;
    });
  }
  keepRun('rights', { seconds: Math.round((performance.now() - start) / 1000), ...sums });
});
