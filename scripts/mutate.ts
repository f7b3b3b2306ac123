// `npm run mutate -- [DIR|FILE…] [--count N] [--seed N] [--quick]`: breaks the core, one small change at a time, and runs
// the tests that execute what was changed. What survives is a line without a test: printed with its place. Survivors that
// nothing can tell from the original stand in scripts/mutation/explained.json, with the reason. Exit 1 when there are others.
// --quick: by unit and property tests alone. Works on a copy, as JavaScript: the source is never touched.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { keepFigures } from '../test/support/figures.js';
import { Coverage } from './mutation/coverage.js';
import { type Mutant, mutantsOf } from './mutation/mutants.js';
import { Sandbox } from './mutation/sandbox.js';
import { Tests } from './mutation/tests.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
// Nothing is left behind when this ends early. Ctrl-C ends it after the present mutant, with the figures so far.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
let stopped = false;
process.once('SIGINT', () => {
  stopped = true;
});
const DEFAULT = ['src/core', 'src/wire', 'src/memory'];
const EXPLAINED = path.join(ROOT, 'scripts/mutation/explained.json');
const explanations = z.array(
  z.object({ file: z.string(), before: z.string(), after: z.string(), why: z.string().min(1) }),
);
/** CPU seconds for a test that nothing is known of yet. */
const MOST_SECONDS = 60;

/** A test below this runs in one process with others. */
const SHORT_MS = 12_000;

type Fate = 'killed' | 'timed out' | 'survived';

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function filesIn(place: string): string[] {
  if (statSync(path.join(ROOT, place)).isFile()) return [place];
  const names = readdirSync(path.join(ROOT, place), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
    .map((name) => path.posix.join(place, name))
    .sort();
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    quick: { type: 'boolean', default: false },
  },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
const explained = explanations.parse(JSON.parse(readFileSync(EXPLAINED, 'utf8')));
const places = positionals.length > 0 ? positionals.map((place) => path.posix.normalize(place)) : DEFAULT;
const files = places.flatMap(filesIn);

const began = Date.now();
const sandbox = new Sandbox(ROOT);
const scripts = new Map(files.map((file) => [file, sandbox.script(file)]));
const candidates = [...scripts].flatMap(([file, { text, lineOf }]) =>
  mutantsOf(text).map((mutant) => ({ file, place: `${file}:${lineOf(mutant.offset)}`, ...mutant })),
);
const draw = random(seed);
const chosen = candidates
  .map((mutant) => ({ mutant, at: draw() }))
  .sort((a, b) => a.at - b.at)
  .slice(0, count)
  .map(({ mutant }) => mutant);
console.error(`${chosen.length} of ${candidates.length} mutants, --seed ${seed}`);

const tests = new Tests(ROOT);
const coverage = new Coverage(
  sandbox.folder,
  path.join(ROOT, 'node_modules/.cache/mutation', sandbox.fingerprint),
);
/** Milliseconds that a test takes where nothing is changed; undefined: it does not pass there. */
const durations = new Map<string, number | undefined>();

/** Runs a test where nothing is changed, unless it is known what it does there. */
async function learn(test: string, covered: boolean): Promise<void> {
  const known = covered ? coverage.recall(test) : undefined;
  if (known !== undefined) {
    durations.set(test, known.ms);
    return;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-coverage-'));
  const start = Date.now();
  const sound = await sandbox.passes([test], MOST_SECONDS, covered ? folder : undefined);
  const ms = Date.now() - start;
  durations.set(test, sound === true ? ms : undefined);
  if (sound !== true) console.error(`${test} does not pass without any change: left out`);
  else if (covered) coverage.add(test, folder, ms);
  rmSync(folder, { recursive: true, force: true });
}

/** Short ones together, which saves the start of a process for each; the others one by one. */
function inGroups(judges: readonly string[]): string[][] {
  const short = judges.filter((test) => (durations.get(test) ?? 0) < SHORT_MS);
  const long = judges.filter((test) => !short.includes(test)).map((test) => [test]);
  return short.length > 0 ? [short, ...long] : long;
}

async function fateOf({ file, offset, text }: Mutant & { file: string }): Promise<Fate> {
  const judges = tests
    .quick(file)
    .filter((test) => durations.get(test) !== undefined && coverage.has(test, file, offset))
    .sort((a, b) => (durations.get(a) ?? 0) - (durations.get(b) ?? 0));
  const whole = values.quick ? [] : tests.whole(file).map((test) => [test]);
  for (const group of [...inGroups(judges), ...whole]) {
    for (const test of group) {
      if (durations.has(test)) continue;
      sandbox.write(file, scripts.get(file)?.text ?? '');
      await learn(test, false);
    }
    const sound = group.filter((test) => durations.get(test) !== undefined);
    if (sound.length === 0) continue;
    const ms = sound.reduce((sum, test) => sum + (durations.get(test) ?? 0), 0);
    sandbox.write(file, text);
    const passed = await sandbox.passes(sound, 2 + (3 * ms) / 1000);
    if (passed !== true) return passed === undefined ? 'timed out' : 'killed';
  }
  return 'survived';
}

const fates: Record<Fate, number> = { killed: 0, 'timed out': 0, survived: 0 };
const survivors: (Mutant & { place: string })[] = [];
let known = 0;
try {
  const touched = new Set(chosen.map((mutant) => mutant.file));
  const quick = new Set([...touched].flatMap((file) => tests.quick(file)));
  for (const test of quick) await learn(test, true);
  const short = inGroups([...quick].filter((test) => durations.get(test) !== undefined))[0] ?? [];
  if ((await sandbox.passes(short, MOST_SECONDS * 4)) !== true)
    throw new Error(
      'the short tests do not pass in one process: what they say of a mutant would mean nothing',
    );
  console.error(
    `${durations.size} tests were asked what they execute, in ${Math.round((Date.now() - began) / 1000)} s`,
  );
  for (const [i, mutant] of chosen.entries()) {
    if (stopped) break;
    const { file, place, before, after } = mutant;
    const fate = await fateOf(mutant);
    sandbox.write(file, scripts.get(file)?.text ?? '');
    const why = explained.find(
      (each) => each.file === file && each.before === before && each.after === after,
    );
    if (fate === 'survived' && why !== undefined) known++;
    else fates[fate]++;
    if (fate === 'survived' && why === undefined) survivors.push(mutant);
    console.error(
      `${i + 1}/${chosen.length} ${fate}${why ? ' (explained)' : ''}: ${place}\n  - ${before}\n  + ${after}`,
    );
  }
} finally {
  sandbox.close();
}
for (const { place, before, after } of survivors) console.log(`${place}\n  - ${before}\n  + ${after}`);
const found = fates.killed + fates['timed out'];
console.log(
  `${found} of ${found + fates.survived} were noticed (${fates['timed out']} by a test that did not end); ` +
    `${known} survived and are explained; ${survivors.length} survived; ${Math.round((Date.now() - began) / 1000)} s`,
);
keepFigures('mutation', {
  ...{ places, seed, candidates: candidates.length, judged: found + fates.survived + known },
  ...{ killed: fates.killed, timedOut: fates['timed out'], explained: known, survived: survivors.length },
  byQuickTestsAlone: values.quick,
});
if (survivors.length > 0) process.exitCode = 1;
