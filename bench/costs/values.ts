// What large values cost: bytes a second, and the memory of the proxy while they pass. Each size and target gets a
// proxy of its own, warm from small values, so that what an earlier size has left is not taken for growth.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { findExecutable } from '../../src/cli/local-server/server-binary.js';
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { startPeers } from '../throughput/peer.js';
import { commandFor, findBenchmark, parseCsv } from '../throughput/redis-benchmark.js';
import { type Endings, privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { timeHugeValue } from './huge-value.js';
import { CONNECTIONS, type PartOptions, warmUp } from './part.js';
import { watchGrowth } from './resident.js';

const KB = 1024;
const MB = 1024 * KB;
/** By size: how many SETs, and as many GETs. */
const REQUESTS: ReadonlyMap<number, number> = new Map([
  [64, 30_000],
  [KB, 30_000],
  [16 * KB, 10_000],
  [64 * KB, 3000],
  [MB, 300],
]);
const HUGE = 100 * MB;
/** Few, so that 1 MB values take no more than 64 MB. */
const KEYS = 64;
const TARGETS = ['direct', 'session pooling', 'command pooling', 'haproxy'] as const;

const POOLS = { 'session pooling': 'session', 'command pooling': 'command' } as const;

interface Variant {
  readonly bytes: number;
  readonly target: (typeof TARGETS)[number];
}

interface Figures {
  readonly bytesPerSecond: number;
  readonly residentGrowth: number | null;
}

export function measureValues({ rounds, quick, report }: PartOptions): Promise<CostsResults['values']> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const control = new Redis({ host: redis.host, port: redis.port });
    endings.add(() => control.disconnect());
    const targets = (await findExecutable('haproxy')) ? TARGETS : TARGETS.slice(0, -1);
    const variants: Variant[] = [...REQUESTS.keys(), HUGE].flatMap((bytes) =>
      targets.map((target) => ({ bytes, target })),
    );
    const samples = await inTurn(rounds, variants, async (variant) => {
      const figures = await measure(variant, redis.port, quick);
      await control.flushall();
      const growth = figures.residentGrowth === null ? '' : `, growth ${figures.residentGrowth}`;
      report(
        `${variant.bytes} bytes, ${variant.target}: ${Math.round(figures.bytesPerSecond)} bytes/s${growth}`,
      );
      return figures;
    });
    return variants.map(({ bytes, target }, i) => {
      const all = samples[i] as Figures[];
      return {
        bytes,
        target,
        bytesPerSecond: median(all.map(({ bytesPerSecond }) => bytesPerSecond)),
        residentGrowth:
          target === 'direct' ? null : median(all.map(({ residentGrowth }) => residentGrowth ?? Number.NaN)),
      };
    });
  });
}

function measure({ bytes, target }: Variant, redisPort: number, quick: boolean): Promise<Figures> {
  return withEndings(async (endings) => {
    const proxy = await startTarget(endings, target, redisPort);
    const port = proxy?.port ?? redisPort;
    await warmUp(port, commandFor('set', false), quick);
    const growth = proxy && watchGrowth(proxy.pid);
    // Before the proxy ends: of a process that is none any more nothing can be read.
    if (growth) endings.add(growth);
    const bytesPerSecond =
      bytes === HUGE
        ? (2 * bytes) / (await timeHugeValue(port, bytes))
        : await throughput(port, bytes, quick);
    return { bytesPerSecond, residentGrowth: growth?.() ?? null };
  });
}

/** undefined: there is no proxy. */
async function startTarget(
  endings: Endings,
  target: Variant['target'],
  redisPort: number,
): Promise<{ port: number; pid: number } | undefined> {
  if (target === 'direct') return undefined;
  if (target !== 'haproxy') return privateSpillway(endings, redisPort, { pool: POOLS[target] });
  const [peer] = await startPeers(redisPort, console.error, ['haproxy']);
  if (peer) endings.add(() => peer.stop());
  return peer;
}

/** Of SETs and then as many GETs together: bytes of values by the time of both. */
async function throughput(port: number, bytes: number, quick: boolean): Promise<number> {
  const requests = Math.ceil((REQUESTS.get(bytes) ?? 0) / (quick ? 10 : 1));
  const set = await runBuiltIn(port, 'set', bytes, requests);
  const get = await runBuiltIn(port, 'get', bytes, requests);
  return (2 * bytes) / (1 / set + 1 / get);
}

/** Requests a second. redis-benchmark's own test: a value of its `-d` may be longer than an argument. */
async function runBuiltIn(
  port: number,
  test: 'set' | 'get',
  bytes: number,
  requests: number,
): Promise<number> {
  const binary = await findBenchmark();
  const counts = { '-p': port, '-c': CONNECTIONS, '-n': requests, '-r': KEYS, '-d': bytes };
  const args = Object.entries(counts).flatMap(([flag, value]) => [flag, String(value)]);
  const { stdout } = await promisify(execFile)(binary, ['-h', '127.0.0.1', ...args, '--csv', '-t', test]);
  return parseCsv(stdout).requestsPerSecond;
}
