// A link that breaks connections, on either side of the proxy, under load: what came until then was right, and the
// server holds what the requests until some point leave, not before the last one that was answered.
import t from 'tap';
import { runScenarios } from './link/run.js';
import { CUTS } from './link/scenarios.js';

t.test('links that break', { timeout: 170_000 }, async (t) => {
  await runScenarios(t, { scenarios: CUTS, commandsEach: 1500, seed: 2 });
});
