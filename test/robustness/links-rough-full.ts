// The long run over a rough network. `tsx test/robustness/links-rough-full.ts`; prints TAP. So many minutes by SPILLWAY_MINUTES,
// from another seed by SPILLWAY_SEED; each run of SPELLS has a seed of its own, which repeats it.
import t from 'tap';
import { keepRun } from '../support/figures.js';
import { runSeed } from './fuzz/random.js';
import { playRough } from './link/rough.js';

const SPELLS = 8;
const minutes = Number(process.env.SPILLWAY_MINUTES ?? 10);

t.setTimeout(0);
t.test('a rough network by random numbers, in full', { timeout: 0 }, async (t) => {
  const start = performance.now();
  const end = start + minutes * 60_000;
  const sums = { spells: 0, commands: 0, sessions: 0, cutSessions: 0, faults: 0 };
  for (let seed = runSeed(); performance.now() < end; seed++) {
    await t.test(`SPILLWAY_SEED=${seed}`, { timeout: 300_000 }, async (t) => {
      const { spells, rough, calm } = await playRough(t, seed, SPELLS);
      sums.spells += spells;
      for (const { tally, sessions, cutSessions } of [rough, calm]) {
        sums.commands += tally.answered;
        sums.faults += tally.faults;
        sums.sessions += sessions;
        sums.cutSessions += cutSessions;
      }
    });
  }
  keepRun('network', { seconds: Math.round((performance.now() - start) / 1000), ...sums });
});
