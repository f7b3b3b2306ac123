// `npm run test:servers [-- NAME…] [--parts conformance,tools]`: the tests that depend on the server, on each server that
// Debian's releases have, one after the other, at the lowest priority; and a table. A server of your own: NAME=/path/to/it.
// Sums up in docs/figures/by-server.json, where runs of others stay. Exit 1 when anything fails.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Redis } from 'ioredis';
import { startRedis } from '../src/cli/local-server/redis-server.js';
import { infoFields } from '../src/memory/reading.js';
import { fetchServer } from './servers/fetch.js';
import { NOT_TO_BE_HAD, RELEASES } from './servers/releases.js';

interface Part {
  readonly name: string;
  readonly files: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const CONFORMANCE = ['test/conformance/*.test.ts'];
/** What the server says of its commands. */
const COMMANDS = 'test/unit/core/commands-table.test.ts';
const BEHAVIOUR = ['ttl', 'shed', 'pooling', 'framing', 'explain', 'console', 'scripted-redis'];
const FAULTS = ['servers-killed', 'servers-refusing', 'servers-starting', 'drain', 'limits', 'links-cut'];
const PARTS: readonly Part[] = [
  { name: 'conformance', files: CONFORMANCE },
  {
    name: 'behavior',
    files: [COMMANDS, ...BEHAVIOUR.map((name) => `test/integration/${name}.test.ts`)],
  },
  { name: 'tools', files: ['test/tools/*.test.ts'] },
  { name: 'faults', files: FAULTS.map((name) => `test/robustness/${name}.test.ts`) },
  { name: 'pooled', files: CONFORMANCE, env: { SPILLWAY_POOL: 'command' } },
];

const FIGURES = 'docs/figures/by-server.json';
const LOGS = '.tap/servers';

interface Outcome {
  readonly part: string;
  readonly passed: number;
  readonly failed: number;
  /** Of the tests that failed. */
  readonly names: readonly string[];
}

interface Figures {
  readonly server: string;
  readonly version: string;
  readonly day: string;
  readonly outcomes: readonly Outcome[];
}

/** What the server in `binary` says that it is. */
async function asked(binary: string): Promise<ReadonlyMap<string, string>> {
  const server = await startRedis({ binary });
  const redis = new Redis(server.port, server.host);
  try {
    return infoFields(await redis.info('server'));
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

function versionOf(info: ReadonlyMap<string, string>): { server: string; version: string } {
  for (const [field, server] of [
    ['valkey_version', 'Valkey'],
    ['redict_version', 'Redict'],
    ['redis_version', 'Redis'],
  ] as const) {
    const version = info.get(field);
    if (version !== undefined) return { server, version };
  }
  return { server: 'a server that tells no version', version: '' };
}

async function run({ name, files, env }: Part, binary: string, log: string): Promise<Outcome> {
  await mkdir(LOGS, { recursive: true });
  const to = createWriteStream(log);
  const tap = spawn('nice', ['-n', '19', 'npx', 'tap', 'run', '--reporter=tap', '--jobs=2', ...files], {
    env: { ...process.env, ...env, SPILLWAY_REDIS_SERVER: binary },
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: false,
  });
  let [passed, failed] = [0, 0];
  const names: string[] = [];
  let rest = '';
  const take = (line: string): void => {
    const test = /^ {4}not ok \d+ - (.*?)(?: # time=.*)?$/.exec(line)?.[1];
    if (test !== undefined) names.push(test);
    const counts = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?/.exec(line);
    if (counts !== null) [passed, failed] = [Number(counts[1] ?? 0), Number(counts[2] ?? 0)];
  };
  for await (const text of tap.stdout.setEncoding('utf8')) {
    to.write(text);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  }
  take(rest);
  to.end();
  return { part: name, passed, failed: passed === 0 ? Math.max(1, failed) : failed, names };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { parts: { type: 'string' }, 'fetch-only': { type: 'boolean', default: false } },
});
const parts = PARTS.filter(({ name }) => values.parts?.split(',').includes(name) ?? true);
const wanted = positionals.length > 0 ? positionals : RELEASES.map(({ name }) => name);
const known: Figures[] = existsSync(FIGURES) ? JSON.parse(readFileSync(FIGURES, 'utf8')) : [];
const table = new Table({ head: ['server', ...parts.map(({ name }) => name)], style: { head: [] } });

for (const name of wanted) {
  const [label, own] = name.split('=', 2) as [string, string | undefined];
  const release = RELEASES.find((each) => each.name === label);
  try {
    if (own === undefined && release === undefined)
      throw new Error(`${label} is none of ${RELEASES.map((each) => each.name).join(', ')}`);
    const binary = own ?? (release && (await fetchServer(release, console.error))) ?? '';
    const info = await asked(binary);
    const is = versionOf(info);
    const [field, begins] = release?.tells ?? ['', ''];
    if (own === undefined && info.get(field)?.startsWith(begins) !== true)
      throw new Error(`${label}: what was fetched says that it is ${is.server} ${is.version}`);
    console.error(`${is.server} ${is.version}`);
    if (values['fetch-only']) continue;
    const outcomes: Outcome[] = [];
    for (const part of parts) {
      const log = path.join(LOGS, `${label}-${part.name}.log`);
      const outcome = await run(part, binary, log);
      console.error(`  ${part.name}: ${outcome.passed} passed, ${outcome.failed} failed (${log})`);
      for (const failure of outcome.names) console.error(`    ${failure}`);
      outcomes.push(outcome);
    }
    table.push([`${is.server} ${is.version}`, ...outcomes.map(cell)]);
    if (outcomes.some(({ failed }) => failed > 0)) process.exitCode = 1;
    keep({ ...is, day: new Date().toISOString().slice(0, 10), outcomes });
  } catch (error) {
    console.error((error as Error).message);
    table.push([label, { content: 'cannot be had', colSpan: parts.length }]);
    process.exitCode = 1;
  }
}
console.log(table.toString());
console.log(
  `On ${os.type()} ${os.arch()}. Not run: ${NOT_TO_BE_HAD.map((each) => each.join(': ')).join('; ')}.`,
);

function cell({ passed, failed }: Outcome): string {
  return failed === 0 ? `${passed}` : `${passed}, ${failed} failed`;
}

/** What was run now stands in the place of what was run before on the same server. */
function keep(figures: Figures): void {
  const at = known.findIndex(
    ({ server, version }) => server === figures.server && version === figures.version,
  );
  const before = at < 0 ? [] : (known[at]?.outcomes ?? []);
  const kept = before.filter(({ part }) => !figures.outcomes.some((each) => each.part === part));
  const outcomes = PARTS.flatMap(({ name }) =>
    [...kept, ...figures.outcomes].filter(({ part }) => part === name),
  );
  known.splice(at < 0 ? known.length : at, at < 0 ? 0 : 1, { ...figures, outcomes });
  writeFileSync(FIGURES, `${JSON.stringify(known, null, 2)}\n`);
}
