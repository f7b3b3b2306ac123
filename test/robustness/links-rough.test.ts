// A rough network by random numbers: a few spells on either side of the proxy, by any transport, with one worker or two.
// SPILLWAY_SEED repeats a run. The long run is links-rough-full.ts.
import t from 'tap';
import { runSeed } from './fuzz/random.js';
import { playRough } from './link/rough.js';

const RUNS = 2;
const SPELLS = 6;

t.setTimeout(240_000);
const seed = runSeed();
for (let i = 0; i < RUNS; i++) {
  t.test(`SPILLWAY_SEED=${seed + i}`, { timeout: 120_000 }, async (t) => {
    await playRough(t, seed + i, SPELLS);
  });
}
