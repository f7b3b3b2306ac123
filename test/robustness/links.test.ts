// A link that is slow, cuts its data into pieces, or stalls, on either side of the proxy, under load: each reply is
// the right one, once, in its turn. The full run, with a million commands, is links-full.ts.
import t from 'tap';
import { runScenarios } from './link/run.js';
import { TROUBLES } from './link/scenarios.js';

t.test('links that trouble', { timeout: 170_000 }, async (t) => {
  await runScenarios(t, { scenarios: TROUBLES, commandsEach: 1000, seed: 1 });
});
