// The short fuzz run: every case that ever failed, then fresh ones for some seconds, without sockets.
// fuzz-full.ts runs the same lanes by the million. SPILLWAY_SEED repeats a run.
import t from 'tap';
import { savedCases } from './fuzz/corpus.js';
import { encodeCase } from './fuzz/fuzz-case.js';
import { laneOf } from './fuzz/lanes.js';
import { runSeed } from './fuzz/random.js';
import { runLanes } from './fuzz/run-lanes.js';
import { failureOf } from './fuzz/shrink.js';
import { STORM } from './fuzz/storm.js';

const BOX_MS = 8000;
/** A loaded machine may not come further in its time; an idle one does ten times as much. */
const LEAST_ITEMS = 3000;

t.test('what once failed', async (t) => {
  for (const { name, case: saved } of savedCases()) {
    if (saved.lane !== STORM) t.equal(failureOf(laneOf(saved.lane), saved), undefined, name);
  }
});

t.test('mutated and random requests and replies break no invariant', { timeout: 120_000 }, async (t) => {
  const seed = runSeed();
  t.comment(`SPILLWAY_SEED=${seed}`);
  const tally = runLanes({ seed, items: Number.POSITIVE_INFINITY, milliseconds: BOX_MS });
  t.comment(`${tally.requests} requests and ${tally.replies} replies in ${tally.cases} cases`);
  for (const { message, seed: caseSeed, case: small } of tally.failures) {
    t.fail(`${small.lane} ${caseSeed}: ${message}`, { case: encodeCase(small, message) });
  }
  t.equal(tally.failed, 0);
  t.ok(tally.requests + tally.replies > LEAST_ITEMS, 'enough was tried for this to mean something');
});
