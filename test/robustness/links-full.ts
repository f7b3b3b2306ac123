// The full run over faulty links: a million commands and more. `tsx test/robustness/links-full.ts`; prints TAP.
// Another seed, or another number of commands, by SPILLWAY_SEED and SPILLWAY_COMMANDS.
import t from 'tap';
import { keepRun } from '../support/figures.js';
import { runScenarios } from './link/run.js';
import { CUTS, TROUBLES } from './link/scenarios.js';

const commands = Number(process.env.SPILLWAY_COMMANDS ?? 1_100_000);
const seed = Number(process.env.SPILLWAY_SEED ?? 7);

t.setTimeout(0);
t.test('faults of a link, in full', { timeout: 0 }, async (t) => {
  const start = performance.now();
  const scenarios = [...TROUBLES, ...CUTS];
  const commandsEach = Math.ceil(commands / scenarios.length);
  const outcomes = await runScenarios(t, { scenarios, commandsEach, seed });
  const sum = (of: (outcome: (typeof outcomes)[number]) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  keepRun('links', {
    seconds: Math.round((performance.now() - start) / 1000),
    scenarios: outcomes.length,
    commands: sum(({ tally }) => tally.answered),
    sessions: sum(({ sessions }) => sessions),
    cutSessions: sum(({ cutSessions }) => cutSessions),
    wrong: sum(({ tally }) => tally.wrong),
    lost: sum(({ tally }) => tally.lost),
    duplicated: sum(({ tally }) => tally.duplicated),
    reordered: sum(({ tally }) => tally.reordered),
    inconsistent: sum(({ tally }) => tally.inconsistent),
    byFault: outcomes.map(({ scenario, tally, sessions, cutSessions }) => ({
      fault: scenario.name,
      side: scenario.side,
      commands: tally.answered,
      sessions,
      cutSessions,
      faults: tally.faults,
    })),
  });
});
