// Runs the test-suites of others, Redis's own and hiredis's, on a direct connection and through Spillway, and compares
// what they say of each test. Fetches them from Debian; takes about ten minutes; not a part of `npm test`.
// Exits 1 when a test ends otherwise through Spillway than direct, and no reason for it is written down here.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startRedis } from '../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../src/cli/local-server/server-binary.js';
import { debianSource } from '../test/conformance/clients/suites/debian-source.js';
import { buildHiredisSuite, runHiredisSuite } from '../test/conformance/clients/suites/hiredis-suite.js';
import { REDIS_SUITE_SERVER, runRedisSuite } from '../test/conformance/clients/suites/redis-suite.js';
import { differences, type SuiteRun } from '../test/conformance/clients/suites/verdicts.js';
import { keepFigures } from '../test/support/figures.js';
import { startProxyProcess } from '../test/support/proxy-process.js';

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
];
const UNEXPLAINED = 'unexplained';

const closers: (() => unknown)[] = [];
const later = (close: () => unknown): void => {
  closers.push(close);
};
const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-suites-'));
const binary = await ensureServerBinary(console.error);

/** A port that is a server's own, and one that is a proxy's in front of the server's twin. No rules. */
async function open(args: readonly string[]): Promise<{ direct: number; through: number }> {
  const [direct, behind] = await Promise.all([startRedis({ binary, args }), startRedis({ binary, args })]);
  later(() => direct.stop());
  later(() => behind.stop());
  const proxy = await startProxyProcess({
    config: { upstream: { url: `redis://127.0.0.1:${behind.port}` } },
  });
  later(() => proxy.stop());
  return { direct: direct.port, through: proxy.port };
}

function reasonFor(name: string): string {
  return REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? UNEXPLAINED;
}

function report(suite: string, version: string, direct: SuiteRun, through: SuiteRun): boolean {
  const parted = differences(direct, through);
  const differs = parted.map(({ name }) => ({ name, why: reasonFor(name) }));
  const ran = direct.verdicts.size;
  const failed = [...direct.verdicts].filter(([, verdict]) => verdict === 'failed').map(([name]) => name);
  console.log(`${suite} ${version}: ${ran} tests direct, ${ran - differs.length} the same through Spillway`);
  for (const name of failed) console.log(`  fails direct, too: ${name}`);
  for (const [i, { name, why }] of differs.entries()) {
    console.log(`  ${name}: direct ${parted[i]?.direct}, through ${parted[i]?.through}: ${why}`);
  }
  if (ran === 0) console.log(`no test ran; the output ended with:\n${direct.tail}`);
  else if (differs.some(({ why }) => why === UNEXPLAINED)) console.log(through.tail);
  const skipped = direct.skipped.map(({ what, why }) => ({ what, why }));
  const figures = { suite, version, ran, same: ran - differs.length, differs, skipped };
  keepFigures(`suite-${suite.toLowerCase().replaceAll(/\W+/g, '-')}`, figures);
  return ran > 0 && differs.every(({ why }) => why !== UNEXPLAINED);
}

async function redisSuite(): Promise<boolean> {
  const { source, version } = await debianSource('redis', folder);
  const { direct, through } = await open(REDIS_SUITE_SERVER);
  const runs = [direct, through].map((port, i) =>
    runRedisSuite(source, path.join(folder, `redis-${i}`), { port, basePort: 21_111 + 4000 * i, later }),
  );
  const [first, second] = await Promise.all(runs);
  return first !== undefined && second !== undefined && report('Redis', version, first, second);
}

async function hiredisSuite(): Promise<boolean> {
  const { source, version } = await debianSource('hiredis', folder);
  await buildHiredisSuite(source);
  const unixSocket = path.join(folder, 'redis.sock');
  const { direct, through } = await open(['--enable-debug-command', 'yes']);
  const own = await startRedis({
    binary,
    args: ['--unixsocket', unixSocket, '--enable-debug-command', 'yes'],
  });
  later(() => own.stop());
  const first = await runHiredisSuite(source, { port: direct, unixSocket, later });
  const second = await runHiredisSuite(source, { port: through, unixSocket, later });
  return report('hiredis', version, first, second);
}

try {
  const good = [await hiredisSuite(), await redisSuite()];
  process.exitCode = good.includes(false) ? 1 : 0;
} finally {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
}
