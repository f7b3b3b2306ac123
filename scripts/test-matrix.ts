// `npm run test:matrix [-- 22 24]`: the whole suite on each supported Node, one after the other, and a report.
// The binaries are npm's own `node-<platform>-<arch>` packages, put into a temporary folder; nothing is installed.
// Sums up in docs/figures/matrix.json. Exit 1 when any line fails.
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';

/** The oldest Node that is supported, and every line that is maintained. */
const LINES = ['20.20', '22', '24', '26'];
const COUNTS = /^(\d+) passed, (\d+) failed$/m;
const run = promisify(execFile);

interface Outcome {
  readonly node: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

/** Puts the newest Node of a line into `folder`. Returns the folder that holds `node`. */
async function fetchNode(line: string, folder: string): Promise<string> {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${line}`], {
    cwd: folder,
  });
  return join(folder, 'node_modules', name, 'bin');
}

/** Runs the suite with the Node in `bin`; failed tests are shown as they come. */
async function suiteOn(bin: string): Promise<Outcome> {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const node = join(bin, 'node');
  const { stdout } = await run(node, ['--version']);
  const begun = performance.now();
  const tests = spawn(node, ['--import=tsx', 'scripts/test.ts', 'all'], { env });
  let tail = '';
  await mkdir('.tap', { recursive: true });
  const log = createWriteStream(LOG);
  for await (const text of tests.stdout.setEncoding('utf8')) {
    for (const line of String(text).split('\n')) if (/^not ok/.test(line)) console.error(line);
    log.write(text);
    tail = (tail + text).slice(-4096);
  }
  log.end();
  const counts = COUNTS.exec(tail);
  const [passed, failed] = [Number(counts?.[1] ?? 0), Number(counts?.[2] ?? 0)];
  return {
    node: stdout.trim(),
    passed,
    failed: passed === 0 ? Math.max(1, failed) : failed,
    seconds: Math.round((performance.now() - begun) / 1000),
  };
}

const LOG = '.tap/matrix.log';

const lines = process.argv.length > 2 ? process.argv.slice(2) : LINES;
const outcomes: Outcome[] = [];
for (const line of lines) {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-node-'));
  try {
    console.error(`Node ${line}: fetching it, then the whole suite`);
    const outcome = await suiteOn(await fetchNode(line, folder));
    outcomes.push(outcome);
    if (outcome.failed > 0) {
      const kept = LOG.replace('.log', `-${outcome.node}.log`);
      await rename(LOG, kept);
      console.error(`all that it said: ${kept}`);
    }
    console.error(
      `${outcome.node}: ${outcome.passed} passed, ${outcome.failed} failed, ${outcome.seconds} s`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
const table = new Table({ head: ['Node', 'passed', 'failed', 'seconds'], style: { head: [] } });
table.push(...outcomes.map(({ node, passed, failed, seconds }) => [node, passed, failed, seconds]));
console.log(table.toString());
if (lines === LINES) {
  const day = new Date().toISOString().slice(0, 10);
  await writeFile('docs/figures/matrix.json', `${JSON.stringify({ day, outcomes }, null, 2)}\n`);
}
if (outcomes.some(({ failed }) => failed > 0)) process.exitCode = 1;
