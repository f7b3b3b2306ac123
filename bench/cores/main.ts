// `npm run bench:cores`: do workers pay? One Redis, and a Spillway with 1, 2, 4, 8 workers as far as there are cores, in
// turn, round by round: requests a second, and CPU a command of the primary and its workers together. Linux only.
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { median } from '../../test/support/median.js';
import { wholeNumber } from '../../test/support/options.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import { inTurn } from '../report/rounds.js';
import { cpuSeconds } from '../throughput/cpu.js';
import { CONNECTIONS } from '../throughput/measure.js';
import { commandFor, load } from '../throughput/redis-benchmark.js';
import { ratios } from '../throughput/results.js';
import { privateRedis, RULES, withEndings } from '../throughput/targets.js';

/** Redis and the load generator want a core each. */
const OTHERS = 2;
const PIPELINES = [1, 16] as const;
const POOLS = ['session', 'command'] as const;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '60000' },
    workers: { type: 'string' },
  },
});
const rounds = wholeNumber('rounds', options.rounds);
const requests = wholeNumber('requests', options.requests);
const cores = os.availableParallelism();
const counts =
  options.workers?.split(',').map((part) => wholeNumber('workers', part)) ??
  [1, 2, 4, 8].filter((count) => count <= Math.max(2, cores - OTHERS));

console.log(`${cores} cores, ${CONNECTIONS} connections, SETs of 64 bytes, medians of ${rounds} rounds`);
if (Math.max(...counts) + OTHERS > cores)
  console.log(
    `Redis and redis-benchmark need ${OTHERS} cores themselves: with ${cores}, only the CPU a command says something.`,
  );
for (const pool of POOLS) {
  await withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool };
    const proxies = [];
    for (const workers of counts) {
      const proxy = await startProxyProcess({ config: { upstream, workers, rules: RULES } });
      endings.add(() => proxy.stop());
      proxies.push(proxy);
    }
    const command = commandFor('set', false);
    const table = new Table({
      head: ['P', 'workers', 'requests/s', 'of 1', 'CPU µs/cmd', 'of 1'],
      style: { head: [], border: [], compact: true },
    });
    for (const pipeline of PIPELINES) {
      const sent = pipeline === 1 ? requests : 5 * requests;
      const run = { connections: CONNECTIONS, pipeline, requests: sent, command };
      for (const { port } of proxies) await load({ ...run, port });
      const samples = await inTurn(rounds, proxies, async ({ port, pid }) => {
        const before = cpuOfAll(pid);
        const { requestsPerSecond } = await load({ ...run, port });
        return { perSecond: requestsPerSecond, cpu: ((cpuOfAll(pid) - before) / sent) * 1e6 };
      });
      const figures = (i: number, name: 'perSecond' | 'cpu'): number[] =>
        (samples[i] ?? []).map((sample) => sample[name]);
      for (const [i, workers] of counts.entries()) {
        table.push([
          String(pipeline),
          String(workers),
          Math.round(median(figures(i, 'perSecond'))).toLocaleString('en-US'),
          median(ratios(figures(i, 'perSecond'), figures(0, 'perSecond'))).toFixed(2),
          median(figures(i, 'cpu')).toFixed(2),
          median(ratios(figures(i, 'cpu'), figures(0, 'cpu'))).toFixed(2),
        ]);
      }
    }
    console.log(`${pool} pooling`);
    console.log(table.toString());
  });
}

/** Seconds of CPU of a process and those that it has started. */
function cpuOfAll(pid: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid);
  return [pid, ...children.map(Number)].reduce((sum, each) => sum + (cpuSeconds(each) ?? 0), 0);
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
