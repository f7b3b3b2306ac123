// `npm run bench:analyze`: how long spillway analyze takes beside a bare loop of SCAN and MEMORY USAGE over the same keys,
// what another client's GETs take meanwhile, and how near the truth its bytes are. All in turn, round by round, with a
// process that works without Redis: what GETs take beside that is the machine's doing.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Redis } from 'ioredis';
import { PATTERN_SCRATCH, writePattern } from '../../src/observe/stats/prefix.js';
import type { Analysis } from '../../src/tools/analyze/analysis.js';
import { type Batch, keyCommand } from '../../src/tools/keyspace/batch.js';
import { walk } from '../../src/tools/keyspace/walk.js';
import { loadDataset } from '../../test/support/dataset.js';
import { median } from '../../test/support/median.js';
import { wholeNumber } from '../../test/support/options.js';
import { inTurn } from '../report/rounds.js';
import { type Endings, privateRedis, withEndings } from '../throughput/targets.js';
import type { GetTimes } from './asker-process.js';

interface Run {
  readonly seconds: number;
  readonly gets: GetTimes;
}

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ASKED = 'bench:analyze:asked';
const QUIET_MS = 3000;
/** About what a million keys take in Redis. */
const READER_BYTES = 400 * 2 ** 20;
/** Patterns that hold less of the bytes are not looked at. */
const LEAST_SHARE = 0.001;
const WAYS = [
  'no Redis, only work',
  'bare ioredis loop',
  'bare lean loop',
  'analyze',
  'analyze --sample',
] as const;
type Way = (typeof WAYS)[number];

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const keys = wholeNumber('keys', options.keys ?? (options.quick ? '20000' : '1000000'));
const rounds = wholeNumber('rounds', options.rounds ?? (options.quick ? '1' : '3'));
const readerSeconds = options.quick ? 1 : 8;
const run = promisify(execFile);

await withEndings(async (endings) => {
  const { port } = await privateRedis(endings);
  console.error(`writing ${keys} keys`);
  await loadDataset({ host: '127.0.0.1', port, connectTimeoutMs: 5000 }, { keys });
  const redis = new Redis(port);
  endings.add(() => redis.disconnect());
  await redis.set(ASKED, 'x'.repeat(100));
  const sinceLast = startAsker(endings, port);

  const quiet: GetTimes[] = [];
  const results = await inTurn(rounds, WAYS, async (way, round) => {
    console.error(`round ${round + 1} of ${rounds}, ${way}`);
    await sinceLast();
    await sleep(QUIET_MS);
    quiet.push(await sinceLast());
    const seconds = await measure(way, port, sinceLast);
    return { seconds, gets: await sinceLast() };
  });
  draw(results, quiet);
  await drawTruth(port);
});

/** Seconds as the process tells them, without its start. @param begin of the GETs only those from then on count */
async function measure(way: Way, port: number, begin: () => Promise<unknown>): Promise<number> {
  if (way === 'no Redis, only work')
    return await told('reader-process.ts', [READER_BYTES, readerSeconds], begin);
  if (way.startsWith('bare')) return await told('bare-process.ts', [port, way], begin);
  return (await analysed(port, way.endsWith('sample') ? ['--sample', '50000'] : [])).seconds;
}

/** Runs one of these files, which says when it begins, and at the end how many seconds its work took. */
async function told(
  file: string,
  args: readonly (string | number)[],
  begin: () => Promise<unknown>,
): Promise<number> {
  const child = fork(new URL(file, import.meta.url), args.map(String));
  const gone = new AbortController();
  child.once('disconnect', () => gone.abort(new Error(`${file} has failed`)));
  await once(child, 'message', gone);
  await begin();
  const [seconds] = await once(child, 'message', gone);
  return seconds as number;
}

async function analysed(port: number, args: readonly string[]): Promise<Analysis> {
  const words = [MAIN, 'analyze', '--json', '--upstream', `redis://127.0.0.1:${port}`, ...args];
  const { stdout } = await run(process.execPath, words, { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout) as Analysis;
}

/** Tells what the GETs since the last time took. */
function startAsker(endings: Endings, port: number): () => Promise<GetTimes> {
  const child = fork(new URL('asker-process.ts', import.meta.url), [String(port), ASKED]);
  endings.add(async () => {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  });
  return async () => {
    const told = once(child, 'message');
    child.send('');
    return (await told)[0] as GetTimes;
  };
}

function draw(results: readonly (readonly Run[])[], quiet: readonly GetTimes[]): void {
  const before = median(quiet.map(({ p99Ms }) => p99Ms));
  const [, ioredis, lean] = results.map((runs) => median(runs.map(({ seconds }) => seconds)));
  console.log(
    `${keys} keys, medians of ${rounds} rounds; GETs of another client before: p99 ${before.toFixed(3)} ms`,
  );
  console.log('                     seconds   x ioredis   x lean   p99 of GETs      x before');
  for (const [i, way] of WAYS.entries()) {
    const runs = results[i] as readonly Run[];
    const seconds = median(runs.map((each) => each.seconds));
    const p99 = median(runs.map(({ gets }) => gets.p99Ms));
    const cells = [
      seconds.toFixed(2).padStart(7),
      (seconds / (ioredis as number)).toFixed(2).padStart(9),
      (seconds / (lean as number)).toFixed(2).padStart(6),
      `${p99.toFixed(3)} ms`.padStart(11),
      (p99 / before).toFixed(2).padStart(11),
    ];
    console.log(`${way.padEnd(20)} ${cells.join('   ')}`);
  }
}

/** Against MEMORY USAGE SAMPLES 0 of every key. */
async function drawTruth(port: number): Promise<void> {
  const truth = await exactBytes(port);
  const all = [...truth.values()].reduce((sum, bytes) => sum + bytes, 0);
  const [full, sampled] = [await analysed(port, []), await analysed(port, ['--sample', '50000'])];
  let worst = 0;
  for (const { name, bytes } of full.groups) {
    const exact = truth.get(name) ?? 0;
    if (exact >= all * LEAST_SHARE) worst = Math.max(worst, Math.abs(bytes.estimate / exact - 1));
  }
  const checked = sampled.groups.filter(({ name }) => (truth.get(name) ?? 0) >= all * LEAST_SHARE);
  const inside = checked.filter(({ name, bytes: { low, high } }) => {
    const exact = truth.get(name) ?? 0;
    return low <= exact && exact <= high;
  });
  console.log(`bytes by pattern, in full: off by ${(worst * 100).toFixed(2)}% at most`);
  console.log(`of a sample: ${inside.length} of ${checked.length} patterns within the stated bounds`);
}

async function exactBytes(port: number): Promise<ReadonlyMap<string, number>> {
  const usage = keyCommand(['MEMORY', 'USAGE'], ['SAMPLES', '0']);
  const scratch = Buffer.allocUnsafe(PATTERN_SCRATCH);
  const found = new Map<string, number>();
  const options = { endpoint: { host: '127.0.0.1', port, connectTimeoutMs: 5000 }, db: 0, name: 'truth' };
  await walk(
    { ...options, signal: new AbortController().signal },
    {
      ask(page: readonly Buffer[], batch: Batch) {
        for (const key of page) batch.about(usage, key);
      },
      take(page, replies) {
        for (const [i, key] of page.entries()) {
          const name = scratch.toString('latin1', 0, writePattern(key, 0, key.length, scratch));
          found.set(name, (found.get(name) ?? 0) + Number(replies[i]));
        }
      },
      restart: () => found.clear(),
    },
  );
  return found;
}
