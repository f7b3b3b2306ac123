// Every benchmark runs from beginning to end, in sizes that say nothing of speed, and keeps figures of which
// docs/PERFORMANCE.md can be made. How fast anything was is not looked at.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import type { MixedFigures } from '../../bench/policies/mixed-run.js';
import { MICRO_STEPS, SETTINGS, TARGETS, type Target } from '../../bench/report/types.js';
import { performanceDocument } from '../../scripts/performance/document.js';
import { plots } from '../../scripts/performance/plots.js';
import { type Results, readResults } from '../../scripts/performance/results.js';
import { findExecutable } from '../../src/cli/local-server/server-binary.js';
import { need } from '../conformance/clients/apt.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SPILLWAYS: readonly Target[] = ['direct', 'command pooling', 'session pooling'];
const ALWAYS: readonly Target[] = [...SPILLWAYS, 'relay'];

await need(['redis-benchmark', 'valkey-benchmark'], 'redis-tools');
const peers = { twemproxy: await findExecutable('nutcracker'), haproxy: await findExecutable('haproxy') };
const installed = TARGETS.filter((name) => ALWAYS.includes(name) || peers[name as keyof typeof peers]);

/** `npm run bench -- …`, without the build. */
function bench(...args: string[]) {
  return run('bench/main.ts', ...args);
}

async function run(...words: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...words], { cwd: root });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, output: stdout + stderr };
}

/** What `name` keeps when it runs alone, in its smallest size. */
async function figuresOf<Name extends keyof Results>(
  t: Test,
  name: Name,
): Promise<NonNullable<Results[Name]>> {
  const folder = t.testdir({});
  const { code, output } = await bench('--quick', '--into', folder, name);
  // Whether shedding keeps its promises on a busy machine is for the scenario's own run to say.
  if (name !== 'scenario') t.equal(code, 0, output);
  t.same(readdirSync(folder), [`${name}.json`], output);
  const results = readResults(pathToFileURL(`${folder}/`));
  const figures = results[name] as NonNullable<Results[Name]>;
  t.match(figures.date, /^\d{4}-\d\d-\d\d$/);
  t.equal(figures.versions.node, process.versions.node);
  t.ok(figures.machine.cores > 0 && figures.machine.memoryGiB > 0);
  t.ok(figures.rounds >= 1);
  const document = performanceDocument(results, plots(results));
  t.notMatch(document, /NaN|undefined|Infinity/);
  return figures;
}

const above0 = (t: Test, figures: readonly number[]): void => {
  t.ok(figures.length > 0 && figures.every((figure) => figure > 0 && Number.isFinite(figure)), `${figures}`);
};

t.test('throughput', async (t) => {
  const { rows } = await figuresOf(t, 'throughput');
  for (const test of ['set', 'get', 'mixed']) {
    for (const [bytes, pipeline] of [64, 16_384].flatMap((size) =>
      [1, 16, 64].map((depth) => [size, depth]),
    )) {
      const own = rows.filter((row) => row.test === test && row.bytes === bytes && row.pipeline === pipeline);
      t.same(
        own.map(({ target }) => target),
        installed,
        `${test}, ${bytes}, ${pipeline}`,
      );
      t.equal(own[0]?.ratio, 1);
    }
  }
  above0(
    t,
    rows.flatMap(({ perSecond, ratio, ratios, p99 }) => [perSecond, ratio, ...ratios, p99]),
  );
});

t.test('latency', async (t) => {
  const { rows, ratePerSecond } = await figuresOf(t, 'latency');
  t.same(
    rows.map(({ target }) => target),
    installed,
  );
  for (const { target, p50, p90, p99, p999, max } of rows) {
    const rising = [p50, p90, p99, p999, max];
    t.same(
      rising.toSorted((a, b) => a - b),
      rising,
      target,
    );
  }
  above0(t, [ratePerSecond, ...rows.flatMap(({ p50, achievedPerSecond }) => [p50, achievedPerSecond])]);
});

t.test('costs', async (t) => {
  const costs = await figuresOf(t, 'costs');
  t.same(
    costs.rules.map(({ kind, rules }) => `${rules} ${kind}`),
    ['prefix', 'glob'].flatMap((kind) => [4, 100, 1000].map((rules) => `${rules} ${kind}`)),
  );
  t.same(
    costs.policy.map(({ settings }) => settings),
    SETTINGS,
  );
  t.same([...new Set(costs.connections.map(({ connections }) => connections))], [1, 50, 500, 5000]);
  t.same(new Set(costs.connections.map(({ target }) => target)), new Set(installed));
  const sizes = [64, 2 ** 10, 2 ** 14, 2 ** 16, 2 ** 20, 100 * 2 ** 20];
  t.same(
    new Set(costs.values.map(({ bytes, target }) => `${bytes} ${target}`)),
    new Set(
      sizes.flatMap((bytes) =>
        installed
          .filter((target) => target !== 'twemproxy' && target !== 'relay')
          .map((target) => `${bytes} ${target}`),
      ),
    ),
  );
  t.same(
    costs.unix.map(({ target, client, server }) => `${target} ${client} ${server}`),
    [1, 16].flatMap(() => [
      ...['tcp', 'unix'].map((client) => `direct ${client} null`),
      ...['command', 'session'].flatMap((pool) =>
        ['tcp', 'unix'].flatMap((client) =>
          ['tcp', 'unix'].map((server) => `${pool} pooling ${client} ${server}`),
        ),
      ),
    ]),
  );
  above0(t, Object.values(costs.statistics));
  above0(
    t,
    [...costs.rules, ...costs.policy, ...costs.connections, ...costs.unix].map(({ perSecond }) => perSecond),
  );
  above0(
    t,
    costs.values.map(({ bytesPerSecond }) => bytesPerSecond),
  );
  for (const { target, proxyResident, redisResident } of costs.idle) {
    above0(t, target === 'direct' ? [redisResident] : [proxyResident, redisResident]);
  }
  for (const { target, clients, connectedClients } of costs.crowd) {
    if (target === 'command pooling') t.ok(connectedClients < 20, `Redis sees ${connectedClients}`);
    else t.ok(connectedClients >= clients, `${target}: Redis sees ${connectedClients}`);
  }
  t.same(new Set([...costs.idle, ...costs.crowd].map(({ target }) => target)), new Set(SPILLWAYS));
});

t.test('http', async (t) => {
  const { rows } = await figuresOf(t, 'http');
  t.same(
    rows.map(({ route, target }) => `${route} ${target}`),
    ['/get', '/set', '/mixed'].flatMap((route) => SPILLWAYS.map((target) => `${route} ${target}`)),
  );
  above0(
    t,
    rows.flatMap(({ perSecond, ratio }) => [perSecond, ratio]),
  );
});

t.test('micro', async (t) => {
  const { rows } = await figuresOf(t, 'micro');
  t.same([...new Set(rows.map(({ step }) => step))], [...MICRO_STEPS]);
  above0(
    t,
    rows.map(({ nanoseconds }) => nanoseconds),
  );
});

t.test('scenario', async (t) => {
  const { verdicts } = await figuresOf(t, 'scenario');
  t.ok(verdicts.length > 5);
  t.equal(new Set(verdicts.map(({ requirement }) => requirement)).size, verdicts.length);
});

t.test('one that is not there is refused by name, and nothing is kept', async (t) => {
  const folder = t.testdir({});
  const { code, output } = await bench('--quick', '--into', folder, 'micro', 'nonsense');
  t.not(code, 0);
  t.match(output, 'no benchmark nonsense');
  t.same(readdirSync(folder), []);
});

t.test('a benchmark that fails is named, and the others run all the same', async (t) => {
  // A file where the folder should be: nothing can be kept.
  const file = t.testdir({ taken: 'x' });
  const { code, output } = await bench('--quick', '--into', `${file}/taken`, 'micro');
  t.equal(code, 1);
  t.match(output, 'failed: micro');
  t.equal(readFileSync(`${file}/taken`, 'utf8'), 'x');
});

t.test('analyze', async (t) => {
  const { code, output } = await run('bench/analyze/main.ts', '--quick');
  t.equal(code, 0, output);
  const rows = [...output.matchAll(/^(\D{20}) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) ms +([\d.]+)$/gm)];
  t.same(
    rows.map(([, way = '']) => way.trim()),
    ['no Redis, only work', 'bare ioredis loop', 'bare lean loop', 'analyze', 'analyze --sample'],
  );
  for (const [, , ...figures] of rows) above0(t, figures.map(Number));
  t.match(output, /^bytes by pattern, in full: off by 0\.\d\d% at most\n.* within the stated bounds$/m);
});

t.test('policies', async (t) => {
  const flags = ['--quick', '--json', '--rate', '5000', '--only', 'volatile-lru'];
  const { code, output } = await run('bench/policies/main.ts', ...flags);
  t.equal(code, 0, output);
  const rows = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as Record<
    string,
    MixedFigures
  >;
  t.ok(Object.keys(rows).includes('Spillway, volatile-lru'));
  for (const { caches, locks, jobs } of Object.values(rows)) {
    above0(t, [caches.written, locks.asked, jobs.asked]);
    t.equal(jobs.refused, 0);
  }
  const unknown = await run('bench/policies/main.ts', '--only', 'volatile-best');
  t.match(unknown.output, /--only volatile-best: names none of "noeviction"/);
});

t.test('every part of `npm run bench` has a script of its own', async (t) => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const own = Object.keys(scripts).filter((name) => name.startsWith('bench:'));
  for (const name of ['throughput', 'latency', 'costs', 'http', 'micro', 'scenario', 'ab']) {
    t.ok(own.includes(`bench:${name}`), name);
    t.ok(existsSync(`${root}bench/${name}/main.ts`));
  }
});
