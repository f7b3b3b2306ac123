// Runs the tests: `tsx scripts/test.ts fast|rest|all [--jobs N]` by tier (see test/tiers.ts), or
// `tsx scripts/test.ts repeat N FILE… [--jobs N]`: each of these files N times, under load.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureChromium, findChromium } from '../test/browser/chromium.js';
import { wholeNumber } from '../test/support/options.js';
import { compileTests } from './testing/compile.js';
import { everyRun, plan, type TestRun, type Tier, testFiles } from './testing/plan.js';
import { runAll, summarize } from './testing/run.js';

const USAGE = `usage: npm test | npm run test:rest | npm run test:all   [-- --jobs N]
       npm run test:repeat -- N FILE…   [--jobs N]`;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Burns a core until whoever started it is gone. */
const BURN = 'const { ppid } = process; while (process.ppid === ppid) for (let i = 0; i < 1e7; i++);';

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort());

try {
  const { values, positionals } = parseArgs({
    options: { jobs: { type: 'string' } },
    allowPositionals: true,
  });
  const [what, ...rest] = positionals;
  const runs = what === 'repeat' ? repeated(rest) : byTier(what, rest);
  const compiled = await compileTests(
    ROOT,
    runs.map(({ file }) => file),
  );
  const burner = what === 'repeat' ? spawn(process.execPath, ['-e', BURN], { stdio: 'ignore' }) : undefined;
  const jobs =
    values.jobs !== undefined ? wholeNumber('jobs', values.jobs) : what === 'repeat' ? 1 : undefined;
  try {
    const options = {
      ...{ root: ROOT, compiled, signal: stopped.signal, again: what !== 'repeat' },
      ...(jobs !== undefined && { jobs }),
    };
    summarize(await runAll(withChromium(runs, what), options), { short: what === 'fast' });
  } finally {
    burner?.kill('SIGKILL');
  }
  if (stopped.signal.aborted) {
    console.error('stopped before all of them had run');
    process.exitCode = 130;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function byTier(tier: string | undefined, more: readonly string[]): TestRun[] {
  if ((tier !== 'fast' && tier !== 'rest' && tier !== 'all') || more.length > 0) throw new Error(USAGE);
  return plan(tier satisfies Tier, testFiles(ROOT));
}

/** Each run that there is of the named files, `count` times. */
function repeated([count, ...names]: readonly string[]): TestRun[] {
  if (count === undefined || names.length === 0) throw new Error(USAGE);
  const times = wholeNumber('N', count);
  const all = testFiles(ROOT);
  const files = names.map((name) => {
    const wanted = path.relative(ROOT, path.resolve(name)).split(path.sep).join('/');
    const file = all.find((one) => `test/${one.name}` === wanted);
    if (file === undefined) throw new Error(`${name} is no test file below test/`);
    return file;
  });
  return Array.from({ length: times }, (_, i) =>
    files.flatMap(everyRun).map((run) => ({
      ...run,
      variant: [run.variant, `run ${i + 1} of ${times}`].filter((part) => part !== '').join(', '),
    })),
  ).flat();
}

/** `npm test` takes a Chromium that is there; whatever else wants one installs it. */
function withChromium(runs: readonly TestRun[], what: string | undefined): TestRun[] {
  const isBrowser = ({ file }: TestRun) => file.startsWith('test/browser/');
  if (!runs.some(isBrowser)) return [...runs];
  const chromium = what === 'fast' ? findChromium() : ensureChromium((line) => console.log(line));
  if (chromium === undefined) {
    console.log('there is no Chromium: the page is not opened; `npm run test:rest` installs one');
    return runs.filter((run) => !isBrowser(run));
  }
  console.log(`browser tests use ${chromium}`);
  return runs.map((run) => (isBrowser(run) ? { ...run, env: { ...run.env, CHROMIUM_PATH: chromium } } : run));
}
