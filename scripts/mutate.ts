// `npm run mutate -- [DIR|FILE…] [--count N] [--seed N] [--part DIR] [--quick]`: breaks the core, one small change at a time, and runs
// the tests that execute what was changed: unit and property tests first; what they let pass, the fastest of those that play
// whole connections. What survives is a line without a test: printed with its place. Survivors that nothing can tell from
// the original stand in scripts/mutation/explained.json, with the reason. Exit 1 when there are others.
// --part: of the draw, those in DIR alone. --quick: by unit and property tests alone. Works on a copy, as JavaScript: the source is never touched.
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
import { type Judge, Tests } from './mutation/tests.js';
import { type Fate, Verdicts } from './mutation/verdicts.js';

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
const SHORT_MS = 3000;
/** CPU time for the other ones to look for a change: of unit and property tests, and of those that play whole connections. */
const LOOK_MS = 15_000;
/** Environment of tests that play whole connections: what `npm test` plays of them. */
const AS_IN_NPM_TEST = { SPILLWAY_TIER: 'fast' };

type Place = Mutant & { file: string; place: string };

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
    part: { type: 'string', default: '' },
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
  .map(({ mutant }) => mutant)
  .filter(({ file }) => file.startsWith(values.part))
  .sort(
    (a, b) =>
      partOf(b.file).localeCompare(partOf(a.file)) || a.file.localeCompare(b.file) || a.offset - b.offset,
  );
console.error(`${chosen.length} of ${candidates.length} mutants, --seed ${seed}`);

const tests = new Tests(sandbox.folder);
const KEPT = path.join(ROOT, 'node_modules/.cache/mutation');
const coverage = new Coverage(sandbox.folder, path.join(KEPT, 'coverage'), sandbox.sources);
const verdicts = new Verdicts(path.join(KEPT, 'verdicts'));
/** CPU milliseconds that a test takes where nothing is changed; those that do not pass there are not in it. */
const durations = new Map<string, number>();

/** CPU time of the processes that this one has started and that have ended (proc(5), cutime and cstime). */
function childrensMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[13]) + Number(fields[14]));
}

/** What earlier runs learnt of a test; false: nothing. */
function isKnown(judge: Judge, isFresh: boolean): boolean {
  const lesson = coverage.recall(judge.name, tests.fingerprint(judge));
  if (lesson === undefined || (isFresh && !coverage.isFresh(lesson))) return false;
  if (lesson.ms !== null) durations.set(judge.name, lesson.ms);
  return true;
}

/** Runs a test where nothing is changed. */
async function learn(judge: Judge): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-coverage-'));
  const start = childrensMs();
  const env = { ...AS_IN_NPM_TEST, ...judge.env, NODE_V8_COVERAGE: folder };
  const sound = (await sandbox.passes([judge.file], MOST_SECONDS, env)) === true;
  const ms = childrensMs() - start;
  if (sound) durations.set(judge.name, ms);
  else console.error(`${judge.name} does not pass without any change: left out`);
  coverage.add(judge.name, tests.fingerprint(judge), folder, sound ? ms : null);
  rmSync(folder, { recursive: true, force: true });
}

/** Of `judges`, those that execute the place of a mutant, the fastest first. */
function executing(judges: readonly Judge[], { file, offset }: Place): Judge[] {
  return judges
    .filter(({ name }) => durations.has(name) && coverage.has(name, file, offset))
    .sort((a, b) => took(a) - took(b));
}

function took({ name }: Judge): number {
  return durations.get(name) ?? 0;
}

/**
 * What `judges`, run in one process, say of a mutant; without one: of what nothing is changed in.
 * @param times how often they must notice it: on a busy machine a test may fail by itself
 */
async function fateBy(judges: readonly Judge[], mutant: Place | undefined, times: number): Promise<Fate> {
  if (judges.length === 0) return 'survived';
  const text = mutant?.text ?? JSON.stringify([...sandbox.sources]);
  const fingerprints = judges.map((judge) => `${judge.name} ${tests.fingerprint(judge)}`);
  const known = verdicts.recall(text, fingerprints);
  if (known !== undefined) return known;
  const ms = judges.reduce((sum, judge) => sum + took(judge), 0);
  const names = judges.map((judge) => judge.file);
  let fate: Fate = 'killed';
  if (mutant !== undefined) sandbox.write(mutant.file, text);
  for (let i = 0; i < times && fate !== 'survived'; i++) {
    const passed = await sandbox.passes(names, 2 + (3 * ms) / 1000, { ...AS_IN_NPM_TEST, ...judges[0]?.env });
    fate = passed === undefined ? 'timed out' : passed ? 'survived' : 'killed';
  }
  if (mutant !== undefined) sandbox.write(mutant.file, scripts.get(mutant.file)?.text ?? '');
  // That nothing fails where nothing is changed is kept; that something did may be due to the machine.
  if (mutant !== undefined || fate === 'survived') verdicts.add(text, fingerprints, fate);
  return fate;
}

/**
 * Unit and property tests of its part, the nearest and fastest first, as many as there is time for: short ones in one
 * process, then others, each by itself.
 */
async function fateByQuick(mutant: Place): Promise<Fate> {
  const all = tests.quick(mutant.file);
  const steps = new Map(all.map((judge) => [judge.name, judge.steps]));
  const costs = (judge: Judge): number => took(judge) * (steps.get(judge.name) ?? 1) ** 2;
  const judges = executing(all, mutant).sort((a, b) => costs(a) - costs(b));
  let left = LOOK_MS;
  const isAsked = (judge: Judge): boolean => {
    if (left <= 0) return false;
    left -= took(judge);
    return true;
  };
  const fate = await fateBy(judges.filter(isShort).filter(isAsked), mutant, 1);
  for (const judge of judges) {
    if (fate !== 'survived') break;
    if (isShort(judge) || !isAsked(judge)) continue;
    const found = await fateBy([judge], mutant, 1);
    if (found !== 'survived') return found;
  }
  return fate;
}

function isShort(judge: Judge): boolean {
  return took(judge) < SHORT_MS;
}

/** One test after the other, those that are for the source first, then the fastest: the first that notices ends it. */
async function fateByWhole(mutant: Place): Promise<{ fate: Fate; by?: string }> {
  const first = tests.first(mutant.file);
  for (const judge of first) if (!isKnown(judge, false)) await learn(judge);
  const asked = new Set<string>();
  for (let left = LOOK_MS; left > 0; ) {
    const judges = [...executing(first, mutant), ...executing(tests.whole, mutant)];
    const judge = judges.find(({ name }) => !asked.has(name));
    if (judge === undefined) {
      const unknown = strangers.shift();
      if (unknown === undefined) break;
      await learn(unknown);
      left -= took(unknown);
      continue;
    }
    asked.add(judge.name);
    left -= took(judge);
    const fate = await fateBy([judge], mutant, 2);
    if (fate !== 'survived') return { fate, by: judge.name };
  }
  return { fate: 'survived' };
}

/** Those that play whole connections, of which nothing is known yet. */
const strangers = tests.whole.filter((judge) => !isKnown(judge, false));
/** Learns what unit and property tests of a part execute, and whether they can run in one process. */
async function learnPart(part: string): Promise<void> {
  const judges = new Map(
    chosen
      .flatMap(({ file }) => (partOf(file) === part ? tests.quick(file) : []))
      .map((each) => [each.name, each]),
  );
  for (const judge of judges.values()) {
    if (stopped) return;
    if (!isKnown(judge, true)) await learn(judge);
  }
  const short = [...judges.values()].filter(({ name }) => (durations.get(name) ?? SHORT_MS) < SHORT_MS);
  // On a busy machine one may fail by itself.
  let fate: Fate = 'killed';
  for (let tries = 3; tries > 0 && fate !== 'survived'; tries--) fate = await fateBy(short, undefined, 1);
  if (fate !== 'survived')
    throw new Error(
      `unit and property tests of ${part}, in one process: ${fate}; what they say of a mutant would mean nothing`,
    );
  console.error(`${judges.size} tests of ${part} were asked what they execute; ${passed()} s`);
}

function partOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

const fates = new Map<Place, Fate>();
const passed = (): number => Math.round((Date.now() - began) / 1000);
const whyOf = ({ file, before, after }: Place): string | undefined =>
  explained.find((each) => each.file === file && each.before === before && each.after === after)?.why;
function tell({ place, before, after }: Place, what: string): void {
  console.error(
    `${fates.size}/${chosen.length}, ${passed()} s: ${what}: ${place}\n  - ${before}\n  + ${after}`,
  );
}
try {
  for (const part of new Set(chosen.map(({ file }) => partOf(file)))) {
    if (stopped) break;
    await learnPart(part);
    const unnoticed: Place[] = [];
    for (const mutant of chosen) {
      if (stopped || partOf(mutant.file) !== part) continue;
      const fate = await fateByQuick(mutant);
      const explanation = fate === 'survived' ? whyOf(mutant) : undefined;
      if (fate === 'survived' && !values.quick && explanation === undefined) unnoticed.push(mutant);
      else fates.set(mutant, fate);
      tell(mutant, explanation === undefined ? `unit and property tests: ${fate}` : 'explained');
    }
    for (const mutant of unnoticed) {
      if (stopped) break;
      const { fate, by } = await fateByWhole(mutant);
      fates.set(mutant, fate);
      tell(mutant, by === undefined ? fate : `${fate} by ${by}`);
    }
  }
} finally {
  sandbox.close();
}
const survivors = [...fates].filter(([, fate]) => fate === 'survived').map(([mutant]) => mutant);
const open = survivors.filter((mutant) => whyOf(mutant) === undefined);
const timedOut = [...fates.values()].filter((fate) => fate === 'timed out').length;
const known = survivors.length - open.length;
const noticed = fates.size - survivors.length;
for (const { place, before, after } of open) console.log(`${place}\n  - ${before}\n  + ${after}`);
console.log(
  `${noticed} of ${fates.size} were noticed (${timedOut} by a test that did not end); ` +
    `${known} survived and are explained; ${open.length} survived; ${passed()} s`,
);
keepFigures('mutation', {
  ...{ places: values.part === '' ? places : [values.part], seed },
  candidates: candidates.filter(({ file }) => file.startsWith(values.part)).length,
  judged: fates.size,
  ...{ killed: noticed - timedOut, timedOut, explained: known, survived: open.length },
  byQuickTestsAlone: values.quick,
});
if (open.length > 0) process.exitCode = 1;
