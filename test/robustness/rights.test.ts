// Clients that share connections have exactly the rights of a connection of their own, whatever happens to users and
// passwords meanwhile: a short run; rights-full.ts is the long one. SPILLWAY_SEED repeats a run.
import t, { type Test } from 'tap';
import { POOL, WORKERS } from '../support/proxy.js';
import { WHOLE } from '../support/tier.js';
import { runSeed } from './fuzz/random.js';
import { RightsCheck, type RightsWay } from './rights/check.js';

const STEPS = 250;
const FEWER = 150;
/** Beside the plain way, in the rest: each transport on either side, and two workers. */
const OTHER_WAYS: readonly RightsWay[] = [
  { front: 'tls', back: 'unix', workers: 2 },
  { front: 'unix', back: 'tls', workers: 1 },
];

const seed = runSeed();
t.comment(`SPILLWAY_SEED=${seed}`);

async function isRight(t: Test, seed: number, way: RightsWay, steps: number): Promise<void> {
  const check = await RightsCheck.create(t, seed, POOL, way);
  const { tally } = check;
  await check.run(() => tally.steps === steps);
  t.same(tally.wrong, []);
  t.comment(JSON.stringify(tally));
}

t.test('random logins under random changes of rights', (t) =>
  isRight(t, seed, { front: 'tcp', back: 'tcp', workers: WORKERS }, STEPS),
);

for (const [i, way] of OTHER_WAYS.entries()) {
  t.test(
    `the same by ${way.front} and ${way.back}, workers ${way.workers}`,
    { timeout: 120_000, ...WHOLE },
    (t) => isRight(t, seed + 1 + i, way, FEWER),
  );
}
