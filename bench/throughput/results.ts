// What was measured, reduced to medians, and its table. Pure.
import Table from 'cli-table3';
import { median } from '../../test/support/median.js';

/** One run of redis-benchmark. CPU in microseconds a command; undefined where it cannot be read. */
export interface Sample {
  readonly target: string;
  readonly pipeline: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly proxyCpuUs: number | undefined;
  readonly redisCpuUs: number | undefined;
}

export interface Row extends Sample {
  /** requestsPerSecond by that of the target "direct" at the same pipeline. */
  readonly ratio: number;
  readonly rounds: number;
}

/** Medians by pipeline and target, in order of first appearance. Needs samples of "direct" for each pipeline. */
export function summarize(samples: readonly Sample[]): Row[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const id = `${sample.pipeline} ${sample.target}`;
    groups.set(id, [...(groups.get(id) ?? []), sample]);
  }
  const middle = (
    group: readonly Sample[],
    read: (sample: Sample) => number | undefined,
  ): number | undefined => {
    const values = group.map(read).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return [...groups.values()].map((group) => {
    const { target, pipeline } = group[0] as Sample;
    const direct = groups.get(`${pipeline} direct`) ?? [];
    const requestsPerSecond = median(group.map((sample) => sample.requestsPerSecond));
    return {
      target,
      pipeline,
      requestsPerSecond,
      p50Ms: median(group.map((sample) => sample.p50Ms)),
      p99Ms: median(group.map((sample) => sample.p99Ms)),
      proxyCpuUs: middle(group, (sample) => sample.proxyCpuUs),
      redisCpuUs: middle(group, (sample) => sample.redisCpuUs),
      ratio: requestsPerSecond / median(direct.map((sample) => sample.requestsPerSecond)),
      rounds: group.length,
    };
  });
}

export function drawTable(rows: readonly Row[]): string {
  const table = new Table({
    head: [
      'P',
      'target',
      'requests/s',
      'of direct',
      'p50 ms',
      'p99 ms',
      'proxy CPU µs/cmd',
      'Redis CPU µs/cmd',
    ],
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const fixed = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '-';
  for (const row of rows) {
    table.push([
      String(row.pipeline),
      row.target,
      Math.round(row.requestsPerSecond).toLocaleString('en-US'),
      row.ratio.toFixed(2),
      fixed(row.p50Ms, 2),
      fixed(row.p99Ms, 2),
      fixed(row.proxyCpuUs, 2),
      fixed(row.redisCpuUs, 2),
    ]);
  }
  return table.toString();
}
