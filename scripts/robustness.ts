// `npm run robustness [-- NAME…] [--minutes N] [--pool session,command]`: the full runs behind docs/RELIABILITY.md, one after the
// other, with each kind of pooling. Each takes N minutes on a quiet machine with two cores; without --minutes each has its full
// size, an hour for each kind of pooling. Each is a program of its own that exits 1 when a promise is broken.
// Prints the figures as RELIABILITY.md states them, and keeps them in SPILLWAY_FIGURES.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PROMISES } from './reliability-promises.js';

interface Run {
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a quiet machine with two cores does in a minute. */
const [COMMANDS_A_MINUTE, KILLS_A_MINUTE, MINUTES_OF_BOUNDS, MINUTES_OF_FAILOVERS] = [600_000, 40, 5, 4];

/** `minutes`: undefined for the full size. */
const RUNS: Readonly<Record<string, (minutes: number | undefined) => Run>> = {
  random: (minutes = 10) => ({
    file: 'test/conformance/random-full.ts',
    args: ['--minutes', String(minutes)],
  }),
  fuzz: (minutes) => ({
    file: 'test/robustness/fuzz-full.ts',
    args:
      minutes === undefined
        ? []
        : ['--minutes', String(Math.ceil(minutes / 2)), '--storm-seconds', String(Math.ceil(30 * minutes))],
  }),
  links: (minutes) => ({
    file: 'test/robustness/links-full.ts',
    env: minutes === undefined ? {} : { SPILLWAY_COMMANDS: String(Math.ceil(COMMANDS_A_MINUTE * minutes)) },
  }),
  network: (minutes = 10) => ({
    file: 'test/robustness/links-rough-full.ts',
    env: { SPILLWAY_MINUTES: String(minutes) },
  }),
  servers: (minutes) => ({
    file: 'test/robustness/servers-full.ts',
    env: minutes === undefined ? {} : { SPILLWAY_KILLS: String(Math.ceil(KILLS_A_MINUTE * minutes)) },
  }),
  rights: (minutes = 10) => ({
    file: 'test/robustness/rights-full.ts',
    env: { SPILLWAY_MINUTES: String(minutes) },
  }),
  evictions: (minutes = 10) => ({
    file: 'test/robustness/evictions-full.ts',
    env: { SPILLWAY_MINUTES: String(minutes) },
  }),
  bounds: (minutes = MINUTES_OF_BOUNDS) => ({
    file: 'test/robustness/bounds-full.ts',
    args: minutes < MINUTES_OF_BOUNDS ? ['--share', String(minutes / MINUTES_OF_BOUNDS)] : [],
  }),
  failover: (minutes) => ({
    file: 'test/robustness/failover-full.ts',
    env: minutes === undefined ? {} : { SPILLWAY_RUNS: String(Math.ceil(minutes / MINUTES_OF_FAILOVERS)) },
  }),
  soak: (minutes = 20) => ({ file: 'test/robustness/soak.ts', args: ['--minutes', String(minutes)] }),
};
const POOLS = ['session', 'command'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string' }, pool: { type: 'string', default: POOLS.join(',') } },
});
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const pools = values.pool.split(',');
const names = positionals.length > 0 ? positionals : Object.keys(RUNS);
const unknown = [
  ...names.filter((name) => !Object.hasOwn(RUNS, name)),
  ...pools.filter((pool) => !POOLS.includes(pool)),
  ...(minutes === undefined || minutes > 0 ? [] : [`--minutes ${values.minutes}`]),
];
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(', ')}; runs are ${Object.keys(RUNS).join(', ')}, pools ${POOLS.join(', ')}`,
  );
  process.exit(64);
}

const said: string[] = [];
const broken: string[] = [];
for (const pool of pools) {
  for (const name of names) {
    const { file, args = [], env = {} } = RUNS[name](minutes);
    const settings = { SPILLWAY_POOL: pool, ...env };
    console.log(`\n${name}, ${pool} pooling: ${file} ${args.join(' ')}, ${JSON.stringify(settings)}`);
    const began = Date.now();
    const figures = mkdtempSync(path.join(os.tmpdir(), 'spillway-figures-'));
    const { status } = spawnSync('npx', ['tsx', file, ...args], {
      stdio: 'inherit',
      env: { ...process.env, ...settings, SPILLWAY_FIGURES: figures },
    });
    if (status !== 0) broken.push(`${name}, ${pool} pooling`);
    for (const each of readdirSync(figures)) keep(path.join(figures, each));
    rmSync(figures, { recursive: true, force: true });
    console.log(`${name}, ${pool} pooling: ${Math.round((Date.now() - began) / 1000)} s, exit ${status}`);
  }
}
console.log(`\n${said.join('\n\n')}`);
console.log(broken.length === 0 ? '\nevery promise held' : `\nbroken: ${broken.join('; ')}`);
process.exitCode = broken.length === 0 ? 0 : 1;

function keep(file: string): void {
  const name = path.basename(file, '.json');
  const figures = JSON.parse(readFileSync(file, 'utf8'));
  const wording = PROMISES.flatMap((subject) => subject.figures).find(
    (each) => each.file === name.replace(/-command$/, ''),
  );
  said.push(wording?.text(figures) ?? `${name}: ${JSON.stringify(figures)}`);
  const folder = process.env.SPILLWAY_FIGURES;
  if (folder) copyFileSync(file, path.join(folder, path.basename(file)));
}
