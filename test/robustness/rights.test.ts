// Clients that share connections have exactly the rights of a connection of their own, whatever happens to users and
// passwords meanwhile: a short run; rights-full.ts is the long one. SPILLWAY_SEED repeats a run.
import t from 'tap';
import { POOL } from '../support/proxy.js';
import { runSeed } from './fuzz/random.js';
import { RightsCheck } from './rights/check.js';

const STEPS = 250;

t.test('random logins under random changes of rights', async (t) => {
  const seed = runSeed();
  t.comment(`SPILLWAY_SEED=${seed}`);
  const check = await RightsCheck.create(t, seed, POOL);
  const { tally } = check;
  await check.run(() => tally.steps === STEPS);
  t.same(tally.wrong, []);
  t.comment(JSON.stringify(tally));
});
