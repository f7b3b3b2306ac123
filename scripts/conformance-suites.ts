// `tsx scripts/conformance-suites.ts [redis] [hiredis] [--pool session,command] [--single FILE,…]`: runs the test-suites of others, Redis's own
// and hiredis's, on a direct connection and through Spillway with each kind of pooling, and compares what they say of each
// test. Fetches them from Debian; takes about ten minutes; not a part of `npm test`.
// Exits 1 when a test ends otherwise through Spillway than direct, and no reason for it is written down here.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startRedis } from '../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../src/cli/local-server/server-binary.js';
import { debianSource } from '../test/conformance/clients/suites/debian-source.js';
import { buildHiredisSuite, runHiredisSuite } from '../test/conformance/clients/suites/hiredis-suite.js';
import { REDIS_SUITE_SERVER, runRedisSuite } from '../test/conformance/clients/suites/redis-suite.js';
import { differences, type SuiteRun } from '../test/conformance/clients/suites/verdicts.js';
import { keepFigures } from '../test/support/figures.js';
import { POOLS } from '../test/support/proxy.js';
import { startProxyProcess } from '../test/support/proxy-process.js';

type Pool = (typeof POOLS)[number];

/** Differences that are as they should be, by the test's name. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^MONITOR /,
    'MONITOR also shows what Spillway’s own connection sends: HELLO, and INFO for the memory reading',
  ],
  [
    /^(LATENCY HISTOGRAM|SLOWLOG) /,
    'the server’s statistics of commands also count the INFO of Spillway’s memory reading',
  ],
  [
    /^CLIENT KILL SKIPME /,
    'CLIENT KILL ends Spillway’s own connection, too. It comes back by itself and is counted again',
  ],
];
/** The same, of clients that share connections. */
const REASONS_OF_POOLING: readonly (readonly [RegExp, string])[] = [
  [
    /^verify reply buffer limits$/,
    'CLIENT LIST names a client only while it has a connection of its own; its GETs use a shared one',
  ],
];
const UNEXPLAINED = 'unexplained';

const closers: (() => unknown)[] = [];
const later = (close: () => unknown): void => {
  closers.push(close);
};
const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-suites-'));
const binary = await ensureServerBinary(console.error);

/** A port that is a server's own. */
async function server(args: readonly string[]): Promise<number> {
  const redis = await startRedis({ binary, args });
  later(() => redis.stop());
  return redis.port;
}

/** A port that is a proxy's in front of a server of its own. No rules; nothing is shed when a test fills the server. */
async function through(pool: Pool, args: readonly string[]): Promise<number> {
  const url = `redis://127.0.0.1:${await server(args)}`;
  const proxy = await startProxyProcess({
    config: { upstream: { url, pool }, memory: { shedWhen: 'never' } },
  });
  later(() => proxy.stop());
  return proxy.port;
}

function reasonFor(name: string, pool: Pool): string {
  const reasons = pool === 'command' ? [...REASONS, ...REASONS_OF_POOLING] : REASONS;
  return reasons.find(([pattern]) => pattern.test(name))?.[1] ?? UNEXPLAINED;
}

function report(suite: string, version: string, pool: Pool, direct: SuiteRun, through: SuiteRun): boolean {
  const parted = differences(direct, through);
  const differs = parted.map(({ name }) => ({ name, why: reasonFor(name, pool) }));
  const ran = direct.verdicts.size;
  const failed = [...direct.verdicts].filter(([, verdict]) => verdict === 'failed').map(([name]) => name);
  console.log(
    `${suite} ${version}, ${pool} pooling: ${ran} tests direct, ${ran - differs.length} the same through Spillway`,
  );
  for (const name of failed) console.log(`  fails direct, too: ${name}`);
  for (const [i, { name, why }] of differs.entries()) {
    console.log(`  ${name}: direct ${parted[i]?.direct}, through ${parted[i]?.through}: ${why}`);
  }
  if (ran === 0) console.log(`no test ran; the output ended with:\n${direct.tail}`);
  else if (differs.some(({ why }) => why === UNEXPLAINED)) console.log(through.tail);
  const skipped = direct.skipped.map(({ what, why }) => ({ what, why }));
  const figures = { suite, version, pool, ran, same: ran - differs.length, differs, skipped };
  keepFigures(`suite-${suite.toLowerCase().replaceAll(/\W+/g, '-')}-${pool}`, figures);
  return ran > 0 && differs.every(({ why }) => why !== UNEXPLAINED);
}

async function redisSuite(pools: readonly Pool[]): Promise<boolean> {
  const { source, version } = await debianSource('redis', folder);
  const ports = [await server(REDIS_SUITE_SERVER)];
  for (const pool of pools) ports.push(await through(pool, REDIS_SUITE_SERVER));
  const [direct, ...runs] = await Promise.all(
    ports.map((port, i) =>
      runRedisSuite(source, path.join(folder, `redis-${i}`), {
        ...{ port, basePort: 21_111 + 4000 * i, later, single },
      }),
    ),
  );
  const good = pools.map((pool, i) => report('Redis', version, pool, direct, runs[i]));
  return !good.includes(false);
}

async function hiredisSuite(pools: readonly Pool[]): Promise<boolean> {
  const { source, version } = await debianSource('hiredis', folder);
  await buildHiredisSuite(source);
  const unixSocket = path.join(folder, 'redis.sock');
  const debug = ['--enable-debug-command', 'yes'];
  const direct = await server([...debug, '--unixsocket', unixSocket]);
  const first = await runHiredisSuite(source, { port: direct, unixSocket, later });
  let good = true;
  for (const pool of pools) {
    const second = await runHiredisSuite(source, { port: await through(pool, debug), unixSocket, later });
    good = report('hiredis', version, pool, first, second) && good;
  }
  return good;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pool: { type: 'string', default: POOLS.join(',') }, single: { type: 'string', default: '' } },
});
const pools = POOLS.filter((pool) => values.pool.split(',').includes(pool));
/** Files of Redis's suite; none: all. */
const single = values.single.split(',').filter((file) => file !== '');
const SUITES = { hiredis: hiredisSuite, redis: redisSuite };
try {
  for (const [name, suite] of Object.entries(SUITES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    if (!(await suite(pools))) process.exitCode = 1;
  }
} finally {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
}
