// The long search, as a script: random sessions for `--minutes n`, or `--sessions n` of them, each kept one first.
// Goes on after a failure, prints each in the form in which it is kept, ends with a summary, and with 1 if there
// was any. `--seed n` starts from a seed, `--mode m` keeps to one mode.
import { parseArgs } from 'node:util';
import { keepRun } from '../support/figures.js';
import { wholeNumber } from '../support/options.js';
import { compare } from './random/compare.js';
import { readKept } from './random/kept-form.js';
import { isMode, MODES } from './random/modes.js';
import { type Failure, newTally, search, startSeed } from './random/search.js';
import { withStage } from './random/stage.js';

const MAX_FAILURES = 20;
const PATIENCE_MS = 20_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    sessions: { type: 'string' },
    seed: { type: 'string' },
    mode: { type: 'string' },
  },
});
const modes = MODES.filter((mode) => values.mode === undefined || mode === values.mode);
if (values.mode !== undefined && !isMode(values.mode)) throw new Error(`--mode: one of ${MODES.join(', ')}`);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) throw new Error(`--minutes ${values.minutes}: must be above 0`);
const wanted = values.sessions === undefined ? undefined : wholeNumber('sessions', values.sessions);
const firstSeed = startSeed(values.seed);
const milliseconds = minutes !== undefined ? minutes * 60_000 : wanted !== undefined ? Infinity : 60_000;

const endings: (() => unknown)[] = [];
const began = Date.now();
const tally = newTally();
const failures: Failure[] = [];
let keptFailed = 0;
try {
  const scope = { comment: console.log, teardown: (end: () => unknown) => void endings.push(end) };
  const stage = await withStage(scope, modes);
  const kept = readKept();
  for (const { file, modes: of, session } of kept) {
    for (const mode of of.filter((one) => modes.includes(one))) {
      const { difference } = await compare(stage, mode, session, PATIENCE_MS);
      if (difference === undefined) continue;
      keptFailed++;
      console.log(`kept session ${file}, ${mode}: ${difference}`);
    }
  }
  const end = Date.now() + milliseconds;
  for (let seed = firstSeed; failures.length < MAX_FAILURES; ) {
    const sessions = (wanted ?? Infinity) - tally.sessions;
    const failure = await search(stage, { seed, modes, milliseconds: end - Date.now(), sessions }, tally);
    if (failure === undefined) break;
    failures.push(failure);
    console.log(`\nSPILLWAY_SEED=${failure.seed}: ${failure.difference}\n${failure.kept}\n`);
    seed = failure.seed + 1;
  }
  const summary = {
    ...{ firstSeed, sessions: tally.sessions, commands: tally.commands },
    ...{ distinctCommands: tally.names.size, ...tally.byMode },
    ...{ keptSessions: kept.length, keptFailed, mismatches: failures.length },
    unrepeatable: tally.unrepeatable.length,
    seconds: Math.round((Date.now() - began) / 1000),
  };
  for (const text of tally.unrepeatable) console.log(`not repeatable on two servers either:\n${text}`);
  console.table(summary);
  keepRun('random-sessions', summary);
  process.exitCode = failures.length + keptFailed > 0 ? 1 : 0;
} finally {
  for (const end of endings.reverse()) await end();
}
