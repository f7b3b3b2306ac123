// Which plots docs/PERFORMANCE.md shows, by file name, made of the figures there are. Pure; nothing without a figure.
import {
  type CostsResults,
  type LatencyResults,
  type LatencyRow,
  TARGETS,
  type Target,
  type ThroughputResults,
} from '../../bench/report/types.js';
import { SMALL_BYTES } from '../../bench/throughput/redis-benchmark.js';
import { ratio, size, whole } from './format.js';
import { drawBars, drawLines, type Series } from './plot.js';
import type { Results } from './results.js';

export const TESTS = { set: 'SET', get: 'GET', mixed: '80% GET, 20% SET' } as const;
const PERCENTILES = ['p50', 'p90', 'p99', 'p999', 'max'] as const;
const PERCENTILE_NAMES = ['p50', 'p90', 'p99', 'p99.9', 'longest'];

export interface Figure {
  /** Below docs/performance. */
  readonly file: string;
  /** What it shows, in a sentence. */
  readonly says: string;
  readonly svg: string;
}

/** At most four digits that count: 0.05, 143.2, 1,204. */
const plain = (value: number): string =>
  Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 6 });
const thousands = (value: number): string => plain(value / 1000);

/** A series for each of `names` that has rows, its points by x; a name's place is its look. */
function seriesBy<Row, Name extends string>(
  names: readonly Name[],
  rows: readonly Row[],
  nameOf: (row: Row) => Name,
  point: (row: Row) => { x: number; y: number },
): Series[] {
  return names
    .map((name, look) => ({
      name,
      look,
      points: rows
        .filter((row) => nameOf(row) === name)
        .map(point)
        .sort((a, b) => a.x - b.x),
    }))
    .filter(({ points }) => points.length > 0);
}

const targetOf = (row: { readonly target: Target }): Target => row.target;

function ratios(results: ThroughputResults): Figure[] {
  return (Object.keys(TESTS) as (keyof typeof TESTS)[]).flatMap((test) => {
    const rows = results.rows.filter(
      (row) => row.test === test && row.bytes === SMALL_BYTES && row.target !== 'direct',
    );
    if (rows.length === 0) return [];
    const says = `${TESTS[test]}: throughput as a share of direct Redis, by commands in flight on each connection; values of 64 bytes.`;
    const svg = drawBars({
      title: `${TESTS[test]}: throughput, direct Redis = 1`,
      description: `${says} Medians of ${results.rounds} rounds.`,
      x: { title: 'commands in flight on each connection', show: whole },
      y: { title: 'share of direct', show: ratio },
      reference: { name: 'direct', value: 1 },
      series: seriesBy(TARGETS, rows, targetOf, (row) => ({ x: row.pipeline, y: row.ratio })),
    });
    return [{ file: `throughput-${test}.svg`, says, svg }];
  });
}

function percentiles({ rows, ratePerSecond }: LatencyResults): Figure[] {
  if (rows.length === 0) return [];
  const says = `Latency of requests at ${whole(ratePerSecond)} a second, by percentile, in milliseconds.`;
  const points = (row: LatencyRow): Series['points'] => PERCENTILES.map((name, x) => ({ x, y: row[name] }));
  const svg = drawLines({
    title: `Latency at ${whole(ratePerSecond)} requests a second`,
    description: says,
    x: { title: 'percentile', show: String, named: PERCENTILE_NAMES },
    y: { title: 'milliseconds', show: plain, log: true },
    series: TARGETS.flatMap((target, look) =>
      rows.filter((row) => row.target === target).map((row) => ({ name: target, look, points: points(row) })),
    ),
  });
  return [{ file: 'latency.svg', says, svg }];
}

function rules({ rules: rows }: CostsResults): Figure[] {
  if (rows.length === 0) return [];
  const says = 'SETs a second by number of rules; the last rule matches.';
  const names = { prefix: 'prefixes', glob: 'other globs' } as const;
  const svg = drawLines({
    title: 'Throughput by number of rules',
    description: says,
    x: { title: 'rules', show: whole, log: true },
    y: { title: 'thousand SETs a second', show: thousands },
    series: seriesBy(
      Object.values(names),
      rows,
      (row) => names[row.kind],
      (row) => ({ x: row.rules, y: row.perSecond }),
    ),
  });
  return [{ file: 'rules.svg', says, svg }];
}

function connections({ connections: rows }: CostsResults): Figure[] {
  if (rows.length === 0) return [];
  const says = 'GETs a second by number of connections, one request in flight on each.';
  const svg = drawLines({
    title: 'Throughput by number of connections',
    description: says,
    x: { title: 'connections', show: whole, log: true },
    y: { title: 'thousand GETs a second', show: thousands },
    series: seriesBy(TARGETS, rows, targetOf, (row) => ({ x: row.connections, y: row.perSecond })),
  });
  return [{ file: 'connections.svg', says, svg }];
}

function values({ values: rows }: CostsResults): Figure[] {
  if (rows.length === 0) return [];
  const says = 'MB of values written and read a second, by size of the value.';
  const svg = drawLines({
    title: 'Throughput by size of the value',
    description: says,
    x: { title: 'size of a value', show: size, log: true },
    y: { title: 'MB a second', show: plain, log: true },
    series: seriesBy(TARGETS, rows, targetOf, (row) => ({ x: row.bytes, y: row.bytesPerSecond / 2 ** 20 })),
  });
  return [{ file: 'values.svg', says, svg }];
}

/** All plots of what was measured. */
export function plots({ throughput, latency, costs }: Results): Figure[] {
  return [
    ...(throughput === undefined ? [] : ratios(throughput)),
    ...(latency === undefined ? [] : percentiles(latency)),
    ...(costs === undefined ? [] : [...rules(costs), ...connections(costs), ...values(costs)]),
  ];
}
