// What autocannon measured, reduced to medians, and its table. Pure.
import Table from 'cli-table3';
import { median } from '../../test/support/median.js';
import type { HttpRow, Target } from '../report/types.js';

/** One run of autocannon; times in milliseconds. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** `samples`: for each of `targets`, the first of which is direct, its runs by round. */
export function summarize(
  route: string,
  targets: readonly Target[],
  samples: readonly (readonly Measurement[])[],
): HttpRow[] {
  const [direct = []] = samples;
  return targets.map((target, i) => {
    const runs = samples[i] as readonly Measurement[];
    return {
      route,
      target,
      perSecond: median(runs.map(({ perSecond }) => perSecond)),
      ratio: median(runs.map(({ perSecond }, round) => perSecond / (direct[round] as Measurement).perSecond)),
      p50: median(runs.map(({ p50 }) => p50)),
      p99: median(runs.map(({ p99 }) => p99)),
    };
  });
}

export function drawTable(rows: readonly HttpRow[]): string {
  const table = new Table({
    head: ['route', 'target', 'requests/s', 'p50 ms', 'p99 ms', 'overhead'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { route, target, perSecond, ratio, p50, p99 } of rows) {
    const overhead = target === 'direct' ? '' : `${((1 - ratio) * 100).toFixed(1)}%`;
    const figures = [Math.round(perSecond).toLocaleString('en-US'), p50.toFixed(1), p99.toFixed(1)];
    table.push([route, target, ...figures, overhead]);
  }
  return table.toString();
}
