// What was measured, reduced to medians, and its tables. A ratio compares runs of one round, which follow one another,
// so that a machine that slows down meanwhile changes nothing. Pure.
import Table from 'cli-table3';
import { median } from '../../test/support/median.js';
import type { Target, ThroughputRow } from '../report/types.js';
import type { Test } from './redis-benchmark.js';

/** One run. CPU in microseconds a command; undefined where it cannot be read, or where there is no proxy. */
export interface Sample {
  readonly round: number;
  readonly test: Test;
  readonly pipeline: number;
  /** Of a value. */
  readonly bytes: number;
  readonly target: Target;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly proxyCpuUs: number | undefined;
  readonly redisCpuUs: number | undefined;
}

/** Rates of one thing by those of another, round by round. @throws RangeError when not as many of both. */
export function ratios(of: readonly number[], by: readonly number[]): number[] {
  if (of.length !== by.length) throw new RangeError(`${of.length} rounds of one, ${by.length} of the other`);
  return of.map((value, round) => value / (by[round] as number));
}

/** undefined: none of the values is there. */
export function medianOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}

/** Medians by test, size, pipeline and target, in order of first appearance. @throws RangeError without "direct" in a round. */
export function summarize(samples: readonly Sample[]): ThroughputRow[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of [...samples].sort((a, b) => a.round - b.round)) {
    const id = idOf(sample, sample.target);
    groups.set(id, [...(groups.get(id) ?? []), sample]);
  }
  return [...new Set(samples.map((sample) => idOf(sample, sample.target)))].map((id) => {
    const group = groups.get(id) as Sample[];
    const { test, bytes, pipeline, target } = group[0] as Sample;
    const direct = groups.get(idOf({ test, bytes, pipeline }, 'direct')) ?? [];
    const ofDirect = ratios(ratesOf(group), ratesOf(direct));
    return {
      test,
      bytes,
      pipeline,
      target,
      perSecond: median(ratesOf(group)),
      ratio: median(ofDirect),
      ratios: ofDirect,
      p99: median(group.map((sample) => sample.p99Ms)),
      proxyCpu: medianOfKnown(group.map((sample) => sample.proxyCpuUs)) ?? null,
      redisCpu: medianOfKnown(group.map((sample) => sample.redisCpuUs)) ?? null,
    };
  });
}

/** The median of a row's rate by a peer's, round by round, measured alike; undefined: the peer was not measured, or is the row. */
export function ofPeer(row: ThroughputRow, peer: Target, rows: readonly ThroughputRow[]): number | undefined {
  const other = rows.find(
    ({ test, bytes, pipeline, target }) =>
      target === peer && test === row.test && bytes === row.bytes && pipeline === row.pipeline,
  );
  if (other === undefined || other === row || other.ratios.length !== row.ratios.length) return undefined;
  // Both are by direct of the same round, which cancels out.
  return median(ratios(row.ratios, other.ratios));
}

/** Of one test and size. */
export function drawTable(rows: readonly ThroughputRow[]): string {
  const table = new Table({
    head: [
      'P',
      'target',
      'requests/s',
      'of direct',
      'from',
      'to',
      'of twemproxy',
      'of haproxy',
      'of relay',
      'p99 ms',
      'proxy CPU µs/cmd',
      'Redis CPU µs/cmd',
    ],
    colAligns: ['right', 'left', ...Array.from({ length: 10 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      String(row.pipeline),
      row.target,
      Math.round(row.perSecond).toLocaleString('en-US'),
      row.ratio.toFixed(2),
      Math.min(...row.ratios).toFixed(2),
      Math.max(...row.ratios).toFixed(2),
      ofPeer(row, 'twemproxy', rows)?.toFixed(2) ?? '-',
      ofPeer(row, 'haproxy', rows)?.toFixed(2) ?? '-',
      ofPeer(row, 'relay', rows)?.toFixed(2) ?? '-',
      row.p99.toFixed(2),
      row.proxyCpu?.toFixed(2) ?? '-',
      row.redisCpu?.toFixed(2) ?? '-',
    ]);
  }
  return table.toString();
}

function idOf(
  { test, bytes, pipeline }: Pick<Sample, 'test' | 'bytes' | 'pipeline'>,
  target: Target,
): string {
  return `${test} ${bytes} ${pipeline} ${target}`;
}

function ratesOf(group: readonly Sample[]): number[] {
  return group.map((sample) => sample.requestsPerSecond);
}
