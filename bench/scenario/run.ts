// One scenario for one value size: direct, then proxied, each on a fresh Redis; then freed memory and modest writers.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisProcess, startRedis } from '../../src/cli/local-server/redis-server.js';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { type ProxyProcess, startProxyProcess } from '../../test/support/proxy-process.js';
import { until } from '../../test/support/wait.js';
import { Fleet } from './fleet.js';
import { watchLevels } from './level-watch.js';
import { PATTERNS, RULES } from './patterns.js';
import { startSampler } from './sampler.js';
import { readFigures, unlinkAll } from './server-figures.js';
import { encodeValues, meanBytes, type ValueSize } from './values.js';
import type { ReadmissionFigures, RunFigures, ScenarioFigures } from './verdict.js';

const MEGABYTE = 2 ** 20;
const SERVER_ARGS = ['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'];
const CONNECTIONS_PER_PATTERN = 2;
const DEPTH = 32;
/** In flight on one connection at most, so that large values do not sit in buffers by the dozen. */
const BYTES_IN_FLIGHT = MEGABYTE / 4;
const MODEST_SECONDS = 5;
/** All modest writers together, so that what was freed lasts for the time of the run. */
const MODEST_BYTES_PER_SECOND = 2 * MEGABYTE;
const SHORTEST_PAUSE_MS = 10;

export interface ScenarioOptions {
  readonly binary: string;
  readonly size: ValueSize;
  /** Of the direct and of the proxied run each. */
  readonly seconds: number;
  readonly report: (line: string) => void;
}

export async function runScenario({
  binary,
  size,
  seconds,
  report,
}: ScenarioOptions): Promise<ScenarioFigures> {
  const values = encodeValues(size);
  report('direct: writers at full speed');
  const direct = await withServer(binary, (redis, control) =>
    writeAtFullSpeed(redis.port, redis, control, values, seconds),
  );
  return withServer(binary, async (redis, control) => {
    const proxy = await startProxyProcess({
      entry: 'dist',
      config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, rules: RULES },
    });
    try {
      report('proxied: writers at full speed');
      const proxied = await writeAtFullSpeed(proxy.port, redis, control, values, seconds);
      report('proxied: memory freed, modest writers');
      return { direct, proxied, readmission: await freeAndWrite(proxy, control, values) };
    } finally {
      await proxy.stop();
    }
  });
}

async function withServer<T>(
  binary: string,
  use: (redis: RedisProcess, control: Redis) => Promise<T>,
): Promise<T> {
  const redis = await startRedis({ binary, args: SERVER_ARGS });
  const control = new Redis({ host: redis.host, port: redis.port });
  try {
    return await use(redis, control);
  } finally {
    control.disconnect();
    await redis.stop();
  }
}

async function writeAtFullSpeed(
  port: number,
  redis: RedisProcess,
  control: Redis,
  values: readonly Buffer[],
  seconds: number,
): Promise<RunFigures> {
  const endSampler = await startSampler(redis.port);
  const largest = Math.max(...values.map((value) => value.length));
  const depth = Math.max(1, Math.min(DEPTH, Math.floor(BYTES_IN_FLIGHT / largest)));
  const fleet = await Fleet.start({
    port,
    values,
    connectionsPerPattern: CONNECTIONS_PER_PATTERN,
    depth,
    pauseMs: 0,
  });
  await delay(seconds * 1000);
  const patterns = fleet.figures();
  const memory = await endSampler();
  await fleet.stop();
  return { patterns, server: await readFigures(control), memory, seconds };
}

async function freeAndWrite(
  proxy: ProxyProcess,
  control: Redis,
  values: readonly Buffer[],
): Promise<ReadmissionFigures> {
  const read = async (): Promise<MemorySnapshot> => (await proxy.admin('/api/memory')) as MemorySnapshot;
  const fleet = await Fleet.start({
    connectionsPerPattern: 1,
    depth: 1,
    pauseMs: Math.max(
      SHORTEST_PAUSE_MS,
      (PATTERNS.length * meanBytes(values) * 1000) / MODEST_BYTES_PER_SECOND,
    ),
    port: proxy.port,
    values,
    firstConnection: CONNECTIONS_PER_PATTERN,
  });
  // Only what was refused can be accepted again.
  await until(() => fleet.figures().low.oom > 0, { describe: 'a modest writer of low to be refused' });
  const endLevels = await watchLevels(read);
  for (const pattern of ['low', 'normal']) await unlinkAll(control, `${pattern}:*`);
  const freedMs = fleet.elapsedMs();
  const { usedMemory } = await readFigures(control);
  await delay(MODEST_SECONDS * 1000);
  const patterns = fleet.figures();
  const levels = await endLevels();
  await fleet.stop();
  return { usedMemory, patterns, levels, freedMs };
}
