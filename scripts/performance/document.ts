// The text of docs/PERFORMANCE.md, from the figures there are. Pure. It leaves out sections without figures, and says of
// unmeasured things only that they were not measured.
import {
  type Circumstances,
  type CostsResults,
  type LatencyResults,
  TARGETS,
  type Target,
  type ThroughputResults,
  type ThroughputRow,
} from '../../bench/report/types.js';
import { ofPeer } from '../../bench/throughput/results.js';
import { lost, ratio, short, size, table, whole } from './format.js';
import { httpSection, microSection, scenarioSection } from './further.js';
import { type Figure, TESTS } from './plots.js';
import type { Results } from './results.js';
import { outcomes } from './targets.js';

const HEAD = `<!-- Generated from bench/results by scripts/generate-performance.ts: measure again, or change scripts/performance. -->

# Performance

What Spillway costs, compared with direct Redis, twemproxy and HAProxy. [bench/README.md](../bench/README.md) describes the
benchmarks, [ARCHITECTURE.md](ARCHITECTURE.md) how Spillway works.`;

const NOTHING = 'Nothing was measured yet: there are no figures in `bench/results`.';

const READING = `## How to read it

- *direct* is Redis without a proxy. Targets take turns within a round, and a ratio compares a run with the direct run of the
  same round. Every figure is the median of the rounds. Brackets show the lowest and the highest ratio of the rounds.
- Load generator, proxy and Redis run on one machine and compete for its cores. So a ratio is no forecast for other machines.
  CPU a command depends less on that; it is shown beside throughput.
- *relay* is the least that a proxy on Node can do: it sends on what it reads, and looks at nothing. What Spillway costs
  beyond it is Spillway's doing; what it costs beyond HAProxy is Node's.
- *In flight*: the number of commands that each connection sends before it waits for replies (pipelining).
- *command pooling* and *session pooling*: the two ways in which Spillway uses connections to Redis (\`upstream.pool\`).
- 1 KB is 1,024 bytes, as in Redis.`;

const NONE = '–';
const PEERS = ['twemproxy', 'haproxy', 'relay'] as const;
const order = (target: Target): number => TARGETS.indexOf(target);

/** Sorted by the numbers that `keys` gives, first one first. */
function sorted<Row>(rows: readonly Row[], keys: (row: Row) => readonly number[]): Row[] {
  return [...rows].sort((a, b) => {
    const theirs = keys(b);
    return (
      keys(a)
        .map((key, i) => key - (theirs[i] as number))
        .find((difference) => difference !== 0) ?? 0
    );
  });
}

function circumstances(results: Results): string {
  const parts: (readonly [string, Circumstances | undefined])[] = [
    ['throughput', results.throughput],
    ['latency', results.latency],
    ['costs', results.costs],
    ['http', results.http],
    ['scenario', results.scenario],
    ['micro', results.micro],
  ];
  const rows = parts.flatMap(([name, part]) => {
    if (part === undefined) return [];
    const { cpu, cores, memoryGiB, kernel } = part.machine;
    const versions = Object.entries(part.versions)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([program, version]) => `${program} ${version}`);
    const machine = `${cpu}, ${cores} cores, ${memoryGiB} GB, ${kernel}`;
    return [[name, part.date, `\`${part.commit}\``, part.rounds, machine, versions.join(', ')]];
  });
  return `## What was measured, where and when

${table(['figures', 'day', 'commit', '>rounds', 'machine', 'versions'], rows)}

A \`+\` after a commit: the working tree had uncommitted changes.`;
}

function targets(results: Results): string {
  const all = outcomes(results);
  const count = (verdict: string): number => all.filter((outcome) => outcome.verdict === verdict).length;
  const rows = all.map(({ aim, measured, verdict }) => [
    aim,
    measured,
    verdict === 'not reached' ? `**${verdict}**` : verdict,
  ]);
  return `## Targets

Of ${all.length} targets ${count('reached')} are reached, ${count('not reached')} are not, and ${count('not measured')} were not measured, or not in full. Figures that miss
their target are bold. This table rounds figures to the worse side.

${table(['target', 'measured', 'verdict'], rows)}`;
}

function throughput({ connections, rows }: ThroughputResults, show: (file: string) => string): string {
  const parts = (Object.keys(TESTS) as (keyof typeof TESTS)[]).flatMap((test) => {
    const own = sorted(
      rows.filter((row) => row.test === test),
      (row) => [row.bytes, row.pipeline, order(row.target)],
    );
    if (own.length === 0) return [];
    const lines = own.map((row) => [
      size(row.bytes),
      row.pipeline,
      row.target,
      whole(row.perSecond),
      row.target === 'direct' ? '1' : `${ratio(row.ratio)}${spread(row.ratios)}`,
      ...PEERS.map((peer) => beside(row, peer, own)),
      short(row.p99),
      row.proxyCpu === null ? NONE : short(row.proxyCpu),
      row.redisCpu === null ? NONE : short(row.redisCpu),
    ]);
    const head = [
      '>value',
      '>in flight',
      'target',
      '>a second',
      '>of direct',
      ...PEERS.map((peer) => `>of ${peer}`),
      '>p99 ms',
      '>proxy CPU µs',
      '>Redis CPU µs',
    ];
    return [`### ${TESTS[test]}`, show(`throughput-${test}.svg`), table(head, lines)];
  });
  const intro = `${whole(connections)} connections send as fast as they can. CPU is in microseconds a command, for all threads of a process together.`;
  return ['## Throughput', intro, ...parts].filter((part) => part !== '').join('\n\n');
}

/** Its rate by a peer's. */
function beside(row: ThroughputRow, peer: Target, rows: readonly ThroughputRow[]): string {
  const value = ofPeer(row, peer, rows);
  return value === undefined ? NONE : ratio(value);
}

function spread(ratios: readonly number[]): string {
  return ratios.length < 2 ? '' : ` (${ratio(Math.min(...ratios))} to ${ratio(Math.max(...ratios))})`;
}

function latency(
  { connections, ratePerSecond, rows }: LatencyResults,
  show: (file: string) => string,
): string {
  const lines = sorted(rows, ({ target }) => [order(target)]).map((row) => [
    row.target,
    whole(row.achievedPerSecond),
    ...[row.p50, row.p90, row.p99, row.p999, row.max].map(short),
  ]);
  return `## Latency at a fixed rate

${whole(ratePerSecond)} requests a second on ${whole(connections)} connections: half of what direct Redis reaches with one request in flight on each.
A request is timed from when it was due, so waiting behind a slow one counts. In milliseconds.

${show('latency.svg')}

${table(['target', '>achieved a second', '>p50', '>p90', '>p99', '>p99.9', '>longest'], lines)}`;
}

function rules({ rules: rows }: CostsResults, show: (file: string) => string): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.kind === 'prefix' ? 0 : 1, row.rules]).map((row) => {
    const fewest = sorted(
      rows.filter(({ kind }) => kind === row.kind),
      (other) => [other.rules],
    )[0] as typeof row;
    return [row.kind, whole(row.rules), whole(row.perSecond), ratio(row.perSecond / fewest.perSecond)];
  });
  return `## Cost of rules

SETs, 16 in flight, by number of rules. The last rule matches. Rules are prefixes such as \`a:*\`, or other globs.

${show('rules.svg')}

${table(['kind', '>rules', '>SETs a second', '>of the fewest rules'], lines)}`;
}

function policy({ policy: rows }: CostsResults): string {
  const [plain] = rows;
  if (plain === undefined) return '';
  const lines = rows.map(({ settings, perSecond }) => [
    settings,
    whole(perSecond),
    ratio(perSecond / plain.perSecond),
  ]);
  return `## Cost of settings

SETs, 16 in flight, with four rules, by what these set. Each line adds to the one above it. Nothing is refused.

${table(['settings', '>SETs a second', '>of the first line'], lines)}`;
}

function statistics({ statistics: { onPerSecond, offPerSecond } }: CostsResults): string {
  if (offPerSecond === 0) return '';
  return `## Cost of statistics

SETs, 16 in flight: ${whole(onPerSecond)} a second with statistics, ${whole(offPerSecond)} without: a cost of ${lost(onPerSecond / offPerSecond)}.`;
}

/** `figure` as a part of that of direct among `rows`, those measured alike. */
function ofDirect<Row extends { readonly target: Target }>(
  row: Row,
  alike: readonly Row[],
  figure: (row: Row) => number,
): string {
  const direct = alike.find(({ target }) => target === 'direct');
  return direct === undefined || figure(direct) === 0 ? NONE : ratio(figure(row) / figure(direct));
}

function connections({ connections: rows }: CostsResults, show: (file: string) => string): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.connections, order(row.target)]).map((row) => {
    const alike = rows.filter((other) => other.connections === row.connections);
    return [
      whole(row.connections),
      row.target,
      whole(row.perSecond),
      ofDirect(row, alike, (each) => each.perSecond),
    ];
  });
  return `## Cost of connections

GETs, one in flight on each connection.

${show('connections.svg')}

${table(['>connections', 'target', '>GETs a second', '>of direct'], lines)}`;
}

function values({ values: rows }: CostsResults, show: (file: string) => string): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.bytes, order(row.target)]).map((row) => {
    const alike = rows.filter((other) => other.bytes === row.bytes);
    return [
      size(row.bytes),
      row.target,
      `${size(row.bytesPerSecond)}`,
      ofDirect(row, alike, (each) => each.bytesPerSecond),
      row.residentGrowth === null ? NONE : size(row.residentGrowth),
    ];
  });
  return `## Cost of values

SETs and GETs of values of one size. Large values stream; *growth* is the largest growth of the proxy's resident memory.

${show('values.svg')}

${table(['>value', 'target', '>a second', '>of direct', '>growth'], lines)}`;
}

function idle({ idle: rows }: CostsResults): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.connections, order(row.target)]).map((row) => [
    whole(row.connections),
    row.target,
    row.target === 'direct' ? NONE : size(row.proxyResident),
    size(row.redisResident),
  ]);
  return `## Idle connections

Resident memory while that many connections are open and idle.

${table(['>connections', 'target', '>proxy', '>Redis'], lines)}`;
}

function crowd({ crowd: rows }: CostsResults): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.clients, order(row.target)]).map((row) => [
    whole(row.clients),
    row.target,
    whole(row.perSecond),
    whole(row.connectedClients),
    size(row.redisClientMemory),
    short(row.redisCpu),
  ]);
  const head = [
    '>clients',
    'target',
    '>a second',
    '>clients Redis sees',
    '>their memory in Redis',
    '>Redis CPU µs',
  ];
  return `## Many clients that work a little

Clients that each send a command now and then, as Redis sees them. CPU is in microseconds a command.

${table(head, lines)}`;
}

function unix({ unix: rows }: CostsResults): string {
  if (rows.length === 0) return '';
  const lines = sorted(rows, (row) => [row.pipeline, order(row.target)]).map((row) => [
    row.pipeline,
    row.target,
    row.client,
    row.server ?? NONE,
    whole(row.perSecond),
    ratio(row.ratio),
    row.proxyCpu === null ? NONE : short(row.proxyCpu),
  ]);
  const head = [
    '>in flight',
    'target',
    'clients by',
    'server by',
    '>SETs a second',
    '>of direct by TCP',
    '>proxy CPU µs',
  ];
  return `## Unix sockets

SETs over TCP and over unix sockets, on each side of the proxy. A sidecar can use them on both: [RUNNING.md](RUNNING.md).

${table(head, lines)}`;
}

/** The document. `figures` are the plots that it may show; `notes`, if any, go in as they are. */
export function performanceDocument(results: Results, figures: readonly Figure[], notes?: string): string {
  const show = (file: string): string => {
    const figure = figures.find((each) => each.file === file);
    return figure === undefined ? '' : `![${figure.says}](performance/${file})`;
  };
  const { throughput: speeds, latency: waits, costs, http, scenario, micro } = results;
  const measured = Object.values(results).some((part) => part !== undefined);
  const sections = measured
    ? [
        circumstances(results),
        READING,
        targets(results),
        ...(speeds === undefined ? [] : [throughput(speeds, show)]),
        ...(waits === undefined ? [] : [latency(waits, show)]),
        ...(costs === undefined
          ? []
          : [
              rules(costs, show),
              policy(costs),
              statistics(costs),
              connections(costs, show),
              values(costs, show),
              idle(costs),
              crowd(costs),
              unix(costs),
            ]),
        ...(http === undefined ? [] : [httpSection(http)]),
        ...(scenario === undefined ? [] : [scenarioSection(scenario)]),
        ...(micro === undefined ? [] : [microSection(micro)]),
      ]
    : [NOTHING];
  const hindrance = notes === undefined ? '' : `## What stands in the way\n\n${notes.trim()}`;
  return `${[HEAD, ...sections, hindrance].filter((section) => section !== '').join('\n\n')}\n`;
}
