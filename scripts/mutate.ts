// `npm run mutate -- [DIR…] [--count N] [--seed N] [--limit SECONDS] [--quick]`: breaks the core, one small change at a time, and runs
// the tests that should notice. What survives is a line without a test: printed with its place. Survivors that nothing can
// tell from the original stand in scripts/mutation/explained.json, with the reason. Exit 1 when there are others.
// --quick: by unit and property tests alone. Works on a copy: the source is never touched.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Mutant, mutantsOf } from './mutation/mutants.js';
import { Tests } from './mutation/tests.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
// A mutant may loop for ever: none is left behind when this ends early.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
const CORE = ['src/core', 'src/wire', 'src/memory'];
const COPIED = [
  'src',
  'test',
  'dist',
  'docs',
  'scripts',
  'package.json',
  'tsconfig.json',
  'proxy.config.json',
];
const EXPLAINED = path.join(ROOT, 'scripts/mutation/explained.json');
const explanations = z.array(
  z.object({ file: z.string(), before: z.string(), after: z.string(), why: z.string().min(1) }),
);

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

function filesIn(folder: string): string[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
    .map((name) => path.posix.join(folder, name))
    .sort();
}

/** Whether the test passes in `folder`; undefined: it was not done in time. */
function passes(folder: string, test: string, limitMs: number): Promise<boolean | undefined> {
  const env = { ...process.env, NODE_OPTIONS: '', TAP_TIMEOUT: String(limitMs / 1000) };
  const child = spawn(process.execPath, ['--import=tsx', test], {
    ...{ cwd: folder, env, stdio: 'ignore', detached: true },
  });
  // With all that it has started.
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(undefined);
      kill();
    }, limitMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      process.off('exit', kill);
      resolve(code === 0);
    });
  });
}

/** `sound`: whether a test passes where nothing is changed; one that does not says nothing of a mutant. */
async function fateOf(
  folder: string,
  tests: readonly string[],
  limitMs: number,
  sound: (test: string) => Promise<boolean>,
): Promise<Fate> {
  for (const test of tests) {
    const passed = await passes(folder, test, limitMs);
    if (passed === true || !(await sound(test))) continue;
    return passed === undefined ? 'timed out' : 'killed';
  }
  return 'survived';
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    limit: { type: 'string', default: '120' },
    quick: { type: 'boolean', default: false },
  },
});
const [count, seed, limitMs] = [Number(values.count), Number(values.seed), 1000 * Number(values.limit)];
const explained = explanations.parse(JSON.parse(readFileSync(EXPLAINED, 'utf8')));
const folders = positionals.length > 0 ? positionals.map((folder) => path.posix.normalize(folder)) : CORE;
const candidates = folders
  .flatMap(filesIn)
  .flatMap((file) =>
    mutantsOf(readFileSync(path.join(ROOT, file), 'utf8')).map((mutant) => ({ file, ...mutant })),
  );
const draw = random(seed);
const chosen = candidates
  .map((mutant) => ({ mutant, at: draw() }))
  .sort((a, b) => a.at - b.at)
  .slice(0, count)
  .map(({ mutant }) => mutant);
console.error(`${chosen.length} of ${candidates.length} mutants, --seed ${seed}`);

const tests = new Tests(ROOT);
const copy = mkdtempSync(path.join(os.tmpdir(), 'spillway-mutate-'));
const fates: Record<Fate, number> = { killed: 0, 'timed out': 0, survived: 0 };
const survivors: (Mutant & { file: string })[] = [];
let known = 0;
try {
  for (const name of COPIED) cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const soundness = new Map<string, boolean>();
  for (const [i, mutant] of chosen.entries()) {
    const { file, text, line, before, after } = mutant;
    const place = path.join(copy, file);
    const original = readFileSync(place);
    const isSound = async (test: string): Promise<boolean> => {
      const known = soundness.get(test);
      if (known !== undefined) return known;
      writeFileSync(place, original);
      const sound = (await passes(copy, test, limitMs)) === true;
      if (!sound) console.error(`${test} does not pass without any change: left out`);
      writeFileSync(place, text);
      soundness.set(test, sound);
      return sound;
    };
    writeFileSync(place, text);
    const fate = await fateOf(copy, tests.of(file, values.quick), limitMs, isSound);
    writeFileSync(place, original);
    const why = explained.find(
      (each) => each.file === file && each.before === before && each.after === after,
    );
    if (fate === 'survived' && why !== undefined) known++;
    else fates[fate]++;
    if (fate === 'survived' && why === undefined) survivors.push(mutant);
    console.error(`${i + 1}/${chosen.length} ${fate}${why ? ' (explained)' : ''}: ${file}:${line}  ${after}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const { file, line, before, after } of survivors)
  console.log(`${file}:${line}\n  - ${before}\n  + ${after}`);
const found = fates.killed + fates['timed out'];
console.log(
  `${found} of ${found + fates.survived} were noticed (${fates['timed out']} by a test that did not end); ` +
    `${known} survived and are explained; ${survivors.length} survived`,
);
if (survivors.length > 0) process.exitCode = 1;
