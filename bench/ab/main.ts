// `npm run bench:ab`: is this tree slower than an older commit? Both built, both in front of one Redis, the old one twice,
// in turn, round by round. Exit code 1 when the new one is slower by more than chance (see verdict.ts), 130 after Ctrl-C.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { wholeNumber } from '../../test/support/options.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import { type Loaded, type Measurement, Meter } from '../throughput/measure.js';
import { parsePipelines, parseSizes, parseTests, requestsAt } from '../throughput/options.js';
import { medianOfKnown } from '../throughput/results.js';
import { RULES } from '../throughput/targets.js';
import { buildOldTree } from './old-tree.js';
import { judge, type Rates, type Spread } from './verdict.js';

const WARM_UP_REQUESTS = 200_000;
const QUICK = { rounds: '2', requests: '20000' };

const { values: options } = parseArgs({
  options: {
    against: { type: 'string', default: 'HEAD~1' },
    pool: { type: 'string', default: 'session' },
    tests: { type: 'string', default: 'set' },
    pipelines: { type: 'string', default: '1,16' },
    sizes: { type: 'string', default: '64' },
    rounds: { type: 'string' },
    requests: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const defaults = options.quick ? QUICK : { rounds: '7', requests: '60000' };
const rounds = wholeNumber('rounds', options.rounds ?? defaults.rounds);
const requests = wholeNumber('requests', options.requests ?? defaults.requests);
const tests = parseTests(options.tests);
const pipelines = parsePipelines(options.pipelines);
const sizes = parseSizes(options.sizes);
const cases = tests.flatMap((test) =>
  sizes.flatMap((bytes) => pipelines.map((pipeline) => ({ test, bytes, pipeline }))),
);
const { pool } = options;
if (pool !== 'session' && pool !== 'command') throw new Error(`--pool ${pool}: must be session or command`);

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort());
const endings: (() => unknown)[] = [];
try {
  if (await compare()) process.exitCode = 1;
} catch (error) {
  if (!stopping.signal.aborted) throw error;
  console.error('stopped: cleaning up');
  process.exitCode = 130;
} finally {
  for (const end of endings.reverse()) await end();
}

/** Whether any of the runs is slower by more than chance. */
async function compare(): Promise<boolean> {
  console.error(`building ${options.against}`);
  const old = await buildOldTree(options.against, stopping.signal);
  endings.push(() => old.remove());
  const redis = await startRedis({ binary: await ensureServerBinary(console.error) });
  endings.push(() => redis.stop());
  const config = { upstream: { url: `redis://127.0.0.1:${redis.port}`, pool }, rules: RULES };
  const start = async (name: string, main?: string): Promise<Loaded> => {
    const proxy = await startProxyProcess({ config, entry: 'dist', ...(main === undefined ? {} : { main }) });
    endings.push(() => proxy.stop());
    return { name, port: proxy.port, pid: proxy.pid, clientGivesTtl: false };
  };
  const sides = [await start('old', old.main), await start('new'), await start('old again', old.main)];
  const meter = new Meter(redis, stopping.signal);
  endings.push(() => meter.close());
  for (const side of sides) await meter.warmUp(side, options.quick ? requests : WARM_UP_REQUESTS);
  const table = new Table({
    head: ['test', 'bytes', 'P', 'new / old', 'old / itself', 'old CPU µs/cmd', 'new CPU µs/cmd', ''],
    style: { head: [], border: [], compact: true },
  });
  let slower = false;
  for (const { test, bytes, pipeline } of cases) {
    const measured: Measurement[][] = sides.map(() => []);
    for (let round = 0; round < rounds; round++) {
      console.error(`${test}, ${bytes} bytes, P = ${pipeline}, round ${round + 1} of ${rounds}`);
      await meter.prepare(test, bytes);
      for (let i = 0; i < sides.length; i++) {
        stopping.signal.throwIfAborted();
        // Each round starts with another side, so that none always follows the same one.
        const turn = (i + round) % sides.length;
        const run = { test, bytes, pipeline, requests: requestsAt(pipeline, bytes, requests) };
        measured[turn]?.push(await meter.measure(sides[turn] as Loaded, run));
      }
    }
    const [before, after, again] = measured as [Measurement[], Measurement[], Measurement[]];
    const rates: Rates = { old: ratesOf(before), new: ratesOf(after), oldAgain: ratesOf(again) };
    const verdict = judge(rates);
    slower ||= verdict.slower;
    const cells = [show(verdict.newByOld), show(verdict.oldByItself), cpuOf(before), cpuOf(after)];
    table.push([test, String(bytes), String(pipeline), ...cells, verdict.slower ? 'SLOWER' : '']);
  }
  console.log(`${pool} pooling, this tree against ${old.commit}, ${rounds} rounds: median (from .. to)`);
  console.log(table.toString());
  return slower;
}

function ratesOf(measured: readonly Measurement[]): number[] {
  return measured.map((one) => one.requestsPerSecond);
}

function cpuOf(measured: readonly Measurement[]): string {
  return medianOfKnown(measured.map((one) => one.proxyCpuUs))?.toFixed(2) ?? '-';
}

function show({ median, min, max }: Spread): string {
  return `${median.toFixed(3)} (${min.toFixed(3)} .. ${max.toFixed(3)})`;
}
