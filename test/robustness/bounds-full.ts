// All scenarios of bad behavior at full size: `tsx test/robustness/bounds-full.ts [--only NAME] [--entry source] [--share S]`: at so much of the full sizes.
// Each through a fresh proxy (the built one: run `npm run build` first) and at a Redis itself, with an ordinary client
// beside it. Prints a table, keeps the figures, and fails when memory, descriptors or the ordinary client's p99 do.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { findExecutable } from '../../src/cli/local-server/server-binary.js';
import { keepRun } from '../support/figures.js';
import { Bystander } from './bound/bystander.js';
import { idleBehindHaproxy } from './bound/haproxy.js';
import { MB, raiseDescriptorLimit } from './bound/proc.js';
import { type Outcome, runDirect, runProxied } from './bound/run.js';
import type { Scenario } from './bound/scenario.js';
import { SCENARIOS } from './bound/scenarios.js';

/** Descriptors for the largest crowd: two a client in the proxy. */
const DESCRIPTORS = 32_768;
const SAMPLES_ALONE = 3_000;
/**
 * The ordinary client's p99 may be so many times the larger of two: its own without the offender, and a direct
 * client's beside the same offender. Generous, since load, proxy and Redis share the processors of one machine.
 */
const P99_FACTOR = 10;
/** Below this nothing is judged: one collection of garbage or one turn of the scheduler takes as long. */
const P99_FLOOR_MS = 100;

interface Row {
  readonly scenario: Scenario;
  readonly size: number;
  readonly proxied: Outcome;
  readonly direct: Awaited<ReturnType<typeof runDirect>>;
  readonly complaints: readonly string[];
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    entry: { type: 'string', default: 'dist' },
    share: { type: 'string', default: '1' },
  },
});
const share = Number(options.share);
if (!(share > 0 && share <= 1)) throw new Error(`--share ${options.share}: must be above 0, and 1 at most`);
const entry = options.entry === 'source' ? 'source' : 'dist';
const chosen = SCENARIOS.filter(({ name }) => options.only === undefined || name === options.only);
raiseDescriptorLimit(process.pid, DESCRIPTORS);

const bystander = new Bystander();
const rows: Row[] = [];
let broken = 0;
for (const scenario of chosen) {
  console.error(`${scenario.name}: ${sizeOf(scenario)} ${scenario.unit}`);
  try {
    rows.push(await play(scenario));
  } catch (error) {
    broken++;
    console.error(error);
  }
}
const idle = rows.find(({ scenario }) => scenario.name === 'idle-connections');
const haproxy = idle && (await findExecutable('haproxy'));
const haproxyBytes =
  idle && haproxy
    ? await idleBehindHaproxy(haproxy, idle.scenario, Number(idle.proxied.notes.clients)).catch(leaveOut)
    : null;
bystander.stop();

console.log(draw(rows));
for (const { scenario, proxied, direct } of rows) {
  console.log(`${scenario.name}: ${JSON.stringify(proxied.notes)}; direct: ${JSON.stringify(direct.notes)}`);
}
if (haproxyBytes !== null) console.log(`idle-connections: bytes a client in HAProxy: ${haproxyBytes}`);
if (options.only === undefined) {
  keepRun('bounds', {
    p99Factor: P99_FACTOR,
    p99FloorMs: P99_FLOOR_MS,
    idleBytesInHaproxy: haproxyBytes,
    scenarios: rows.map(describe),
  });
}
const complaints = rows.flatMap(({ scenario, complaints }) =>
  complaints.map((c) => `${scenario.name}: ${c}`),
);
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length + broken > 0 ? 1 : 0;

function leaveOut(error: unknown): null {
  console.error('HAProxy is left out:', error);
  return null;
}

function sizeOf({ ci, full }: Scenario): number {
  return Math.max(ci, Math.ceil(full * share));
}

async function play(scenario: Scenario): Promise<Row> {
  const size = sizeOf(scenario);
  const proxied = await runProxied(
    scenario,
    { bystander, size, entry, samplesAlone: SAMPLES_ALONE },
    (proxy) => raiseDescriptorLimit(proxy.pid, DESCRIPTORS),
  );
  const direct = await runDirect(scenario, { bystander, size });
  return { scenario, size, proxied, direct, complaints: judge(proxied, direct.beside.p99Ms) };
}

function allowedP99(proxied: Outcome, directP99Ms: number): number {
  return Math.max(P99_FLOOR_MS, P99_FACTOR * Math.max(proxied.alone.p99Ms, directP99Ms));
}

function judge(proxied: Outcome, directP99Ms: number): string[] {
  const { grown, bound, beside, descriptorsBefore, descriptorsAfter } = proxied;
  const allowed = allowedP99(proxied, directP99Ms);
  return [
    ...(grown > bound ? [`memory grew by ${megabytes(grown)} MB, above ${megabytes(bound)}`] : []),
    ...(descriptorsAfter > descriptorsBefore ? ['descriptors did not come back'] : []),
    ...(beside.wrong > 0 ? [`${beside.wrong} wrong replies to the ordinary client: ${beside.example}`] : []),
    ...(beside.p99Ms > allowed ? [`p99 ${beside.p99Ms.toFixed(1)} ms, above ${allowed.toFixed(1)}`] : []),
  ];
}

function describe({ scenario, size, proxied, direct, complaints }: Row) {
  const round = (ms: number): number => Math.round(ms * 100) / 100;
  return {
    name: scenario.name,
    title: scenario.title,
    size: proxied.notes.clients ?? size,
    unit: scenario.unit,
    grownMiB: Number(megabytes(proxied.grown)),
    boundMiB: Number(megabytes(proxied.bound)),
    because: scenario.because,
    directGrownMiB: Number(megabytes(direct.grown)),
    descriptorsBefore: proxied.descriptorsBefore,
    descriptorsAfter: proxied.descriptorsAfter,
    p99AloneMs: round(proxied.alone.p99Ms),
    p99BesideMs: round(proxied.beside.p99Ms),
    p99DirectBesideMs: round(direct.beside.p99Ms),
    worstBesideMs: round(proxied.beside.maxMs),
    worstDirectBesideMs: round(direct.beside.maxMs),
    notes: proxied.notes,
    directNotes: direct.notes,
    held: complaints.length === 0,
  };
}

function megabytes(bytes: number): string {
  return (bytes / MB).toFixed(1);
}

function draw(all: readonly Row[]): string {
  const table = new Table({
    head: ['scenario', 'size', 'grown', 'bound', 'Redis', 'fds', 'p99 alone', 'p99', 'p99 direct', 'held'],
    style: { head: [], border: [] },
  });
  for (const row of all) {
    const { name, size, grownMiB, boundMiB, directGrownMiB, descriptorsBefore, descriptorsAfter, ...rest } =
      describe(row);
    table.push([
      ...[name, String(size), `${grownMiB} MB`, `${boundMiB} MB`, `${directGrownMiB} MB`],
      ...[`${descriptorsBefore} → ${descriptorsAfter}`, `${rest.p99AloneMs} ms`, `${rest.p99BesideMs} ms`],
      ...[`${rest.p99DirectBesideMs} ms`, rest.held ? 'yes' : 'NO'],
    ]);
  }
  return table.toString();
}
