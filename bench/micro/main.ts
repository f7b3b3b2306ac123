// `npm run bench:micro [-- scanner decide …]`: what each step of the hot path costs, in nanoseconds a command.
// mitata measures; every round is a fresh process for each step, and medians of the rounds are shown.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import Table from 'cli-table3';
import { median } from '../../test/support/median.js';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import { choose } from '../report/parts.js';
import { inTurn } from '../report/rounds.js';
import { MICRO_STEPS, type MicroResults, type MicroRow, type MicroStep } from '../report/types.js';

const STEP_PROCESS = fileURLToPath(new URL('step-process.ts', import.meta.url));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    milliseconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const rounds = wholeNumber('rounds', options.rounds ?? (options.quick ? '1' : '3'));
const milliseconds = wholeNumber('milliseconds', options.milliseconds ?? (options.quick ? '10' : '250'));
const steps = choose('step', positionals, MICRO_STEPS);

const samples = await inTurn(rounds, steps, async (step, round) => {
  console.error(`round ${round + 1} of ${rounds}, ${step}`);
  return measureStep(step);
});
const rows = samples.flatMap(summarize);
const results: MicroResults = { ...circumstances(rounds), rows };
console.log(`nanoseconds a command, medians of ${rounds} rounds`);
console.log(drawTable(rows));
if (options.save) keepResults('micro', results);

async function measureStep(step: MicroStep): Promise<MicroRow[]> {
  const args = [...process.execArgv, STEP_PROCESS, step, String(milliseconds)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as MicroRow[];
}

/** The rounds of one step, each with the same cases. */
function summarize(stepRounds: readonly MicroRow[][]): MicroRow[] {
  const [first = []] = stepRounds;
  return first.map((row, i) => ({
    ...row,
    nanoseconds: median(stepRounds.map((cases) => (cases[i] as MicroRow).nanoseconds)),
  }));
}

function drawTable(all: readonly MicroRow[]): string {
  const table = new Table({
    head: ['step', 'what', 'ns'],
    colAligns: ['left', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { step, what, nanoseconds } of all) table.push([step, what, nanoseconds.toFixed(1)]);
  return table.toString();
}
