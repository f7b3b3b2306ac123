// What Spillway wants to reach, and whether the figures reach it. Pure. A target counts as reached only when all that it
// speaks of was measured; what was measured and misses it is named. Comparisons are made on ratios as they come from
// the figures, never on rounded ones.
import type {
  CostsResults,
  LatencyResults,
  Settings,
  Target,
  ThroughputResults,
  ThroughputRow,
} from '../../bench/report/types.js';
import { ofPeer } from '../../bench/throughput/results.js';
import { lost, size, whole, worse } from './format.js';
import type { Results } from './results.js';

export interface Outcome {
  readonly aim: string;
  readonly measured: string;
  readonly verdict: 'reached' | 'not reached' | 'not measured';
}

/** One figure that a target speaks of; undefined: was not measured. Without a label it belongs to the one before. */
interface Finding {
  readonly label: string;
  readonly value: number | undefined;
}

const MB = 2 ** 20;
const KB = 2 ** 10;
const POOLINGS = ['command pooling', 'session pooling'] as const;
const TESTS = ['set', 'get', 'mixed'] as const;
const DEPTHS = [1, 16, 64] as const;
/** Proxies that pay for the same hop are the measure; direct Redis on shared cores says mostly how these are shared. */
const PEERS = ['twemproxy', 'haproxy'] as const;
type Peer = (typeof PEERS)[number];
const LARGE_VALUE = 100_000_000;

/** Least throughput, as a part of a peer's. */
interface Aim {
  readonly pooling: (typeof POOLINGS)[number];
  readonly bytes: readonly number[];
  readonly depth: readonly number[];
  readonly peer: Peer;
  readonly least: number;
}

const AIMS: readonly Aim[] = [
  { pooling: 'command pooling', bytes: [64], depth: [1], peer: 'haproxy', least: 1.1 },
  { pooling: 'command pooling', bytes: [64], depth: [16, 64], peer: 'haproxy', least: 0.97 },
  { pooling: 'command pooling', bytes: [64], depth: [1, 16, 64], peer: 'twemproxy', least: 1 },
  { pooling: 'session pooling', bytes: [64], depth: [1, 16], peer: 'haproxy', least: 0.92 },
  { pooling: 'session pooling', bytes: [64], depth: [64], peer: 'haproxy', least: 0.95 },
  ...POOLINGS.flatMap((pooling): Aim[] => [
    { pooling, bytes: [16 * KB, 64 * KB], depth: [1], peer: 'haproxy', least: 0.97 },
    { pooling, bytes: [MB], depth: [1], peer: 'haproxy', least: 0.9 },
  ]),
];

function judge(
  aim: string,
  findings: readonly Finding[],
  keeps: (value: number) => boolean,
  show: (value: number) => string,
): Outcome {
  const known = findings.filter(({ value }) => value !== undefined);
  const measured = findings
    .map(({ label, value }, i) => {
      const text = value === undefined ? 'not measured' : keeps(value) ? show(value) : `**${show(value)}**`;
      const before = i === 0 ? '' : label === '' ? ' / ' : ', ';
      return `${before}${label === '' ? '' : `${label} `}${text}`;
    })
    .join('');
  const missed = known.some(({ value }) => !keeps(value as number));
  const complete = known.length === findings.length && known.length > 0;
  if (known.length === 0) return { aim, measured: 'not measured', verdict: 'not measured' };
  return { aim, measured, verdict: missed ? 'not reached' : complete ? 'reached' : 'not measured' };
}

const atLeast = (value: number): string => worse(value, 2, 'more');
const atMost = (value: number): string => worse(value, 2, 'less');

function quotient(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined || by === 0 ? undefined : value / by;
}

function throughput(results: ThroughputResults | undefined): Outcome[] {
  const rows = results?.rows ?? [];
  const find = (target: Target, test: string, bytes: number, depth: number): ThroughputRow | undefined =>
    rows.find(
      (row) => row.target === target && row.test === test && row.bytes === bytes && row.pipeline === depth,
    );
  /** `figure` of each test at each size and depth. */
  const each = (
    bytes: readonly number[],
    depths: readonly number[],
    figure: (test: string, bytes: number, depth: number) => number | undefined,
  ): Finding[] =>
    TESTS.flatMap((test) =>
      bytes.flatMap((one, i) =>
        depths.map((depth, j) => ({ label: i + j === 0 ? test : '', value: figure(test, one, depth) })),
      ),
    );
  const rates = AIMS.map(({ pooling, bytes, depth: depths, peer, least }) =>
    judge(
      `${pooling}, ${bytes.map(size).join(' and ')}, ${depths.join(' / ')} in flight: at least ${least} of ${peer}`,
      each(bytes, depths, (test, one, depth) => {
        const row = find(pooling, test, one, depth);
        return row && ofPeer(row, peer, rows);
      }),
      (value) => value >= least,
      atLeast,
    ),
  );
  const against =
    (key: 'p99' | 'proxyCpu', pooling: Target) => (test: string, bytes: number, depth: number) =>
      quotient(
        find(pooling, test, bytes, depth)?.[key] ?? undefined,
        find('haproxy', test, bytes, depth)?.[key] ?? undefined,
      );
  const waits = POOLINGS.flatMap((pooling) =>
    [64, 16 * KB].map((bytes) =>
      judge(
        `${pooling}, ${size(bytes)}, ${DEPTHS.join(' / ')} in flight: p99 at most 1.5 times that of haproxy`,
        each([bytes], DEPTHS, against('p99', pooling)),
        (value) => value <= 1.5,
        atMost,
      ),
    ),
  );
  const costs = POOLINGS.map((pooling) =>
    judge(
      `${pooling}, 16 KB, 1 in flight: CPU a command at most 1.4 times that of haproxy`,
      each([16 * KB], [1], against('proxyCpu', pooling)),
      (value) => value <= 1.4,
      atMost,
    ),
  );
  return [...rates, ...waits, ...costs];
}

function latency(results: LatencyResults | undefined): Outcome[] {
  const p99 = (target: Target): number | undefined => results?.rows.find((row) => row.target === target)?.p99;
  return POOLINGS.map((pooling) =>
    judge(
      `${pooling}: p99 at a fixed rate at most 1.5 times that of direct`,
      [{ label: '', value: quotient(p99(pooling), p99('direct')) }],
      (value) => value <= 1.5,
      atMost,
    ),
  );
}

function settings(results: CostsResults | undefined): Outcome[] {
  const rules = (['prefix', 'glob'] as const).map((kind) => {
    const find = (count: number): number | undefined =>
      results?.rules.find((row) => row.kind === kind && row.rules === count)?.perSecond;
    return judge(
      `1,000 ${kind} rules: at most 5% slower than 4`,
      [{ label: '', value: quotient(find(1000), find(4)) }],
      (value) => value >= 0.95,
      lost,
    );
  });
  const { onPerSecond, offPerSecond } = results?.statistics ?? {};
  const statistics = judge(
    'statistics: at most 3% slower than without',
    [{ label: '', value: quotient(onPerSecond, offPerSecond) }],
    (value) => value >= 0.97,
    lost,
  );
  const settled = (settings: Settings): number | undefined =>
    results?.policy.find((row) => row.settings === settings)?.perSecond;
  const policy = (
    [
      ['families, limits, scripts and renew', 3],
      ['budgets too', 6],
    ] as const
  ).map(([settings, most]) =>
    judge(
      `rules with ${settings}: at most ${most}% slower than with TTL and priority`,
      [{ label: '', value: quotient(settled(settings), settled('TTL and priority')) }],
      (value) => value >= 1 - most / 100,
      lost,
    ),
  );
  return [...rules, ...policy, statistics];
}

function large(results: CostsResults | undefined): Outcome[] {
  const sizes = (results?.values ?? []).map(({ bytes }) => bytes).filter((bytes) => bytes >= LARGE_VALUE);
  const bytes = Math.min(...sizes);
  const find = (target: Target): CostsResults['values'][number] | undefined =>
    results?.values.find((row) => row.target === target && row.bytes === bytes);
  return POOLINGS.flatMap((pooling) => [
    judge(
      `${pooling}, values of 100 MB: at least 0.9 of haproxy`,
      [{ label: '', value: quotient(find(pooling)?.bytesPerSecond, find('haproxy')?.bytesPerSecond) }],
      (value) => value >= 0.9,
      atLeast,
    ),
    judge(
      `${pooling}, values of 100 MB: resident memory grows by less than 32 MB`,
      [{ label: '', value: find(pooling)?.residentGrowth ?? undefined }],
      (value) => value < 32 * MB,
      (value) => `${worse(value / MB, 1, 'less')} MB`,
    ),
  ]);
}

function idle(results: CostsResults | undefined): Outcome[] {
  return POOLINGS.map((pooling) => {
    const rows = (results?.idle ?? []).filter(({ target }) => target === pooling);
    const most = rows.reduce<(typeof rows)[number] | undefined>(
      (a, b) => (a === undefined || b.connections > a.connections ? b : a),
      undefined,
    );
    return judge(
      `${pooling}, ${most === undefined ? '' : `${whole(most.connections)} `}idle connections: less than 400 MB resident`,
      [{ label: '', value: most?.proxyResident }],
      (value) => value < 400 * MB,
      (value) => `${worse(value / MB, 1, 'less')} MB`,
    );
  });
}

/** Every target, in the order in which the document shows them. */
export function outcomes({ throughput: speeds, latency: waits, costs }: Results): Outcome[] {
  return [...throughput(speeds), ...latency(waits), ...settings(costs), ...large(costs), ...idle(costs)];
}
