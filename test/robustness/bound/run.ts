// Plays one scenario against a fresh proxy, a process of its own, and reads off what it cost: memory, descriptors,
// and an ordinary client's time. Judges nothing but whether the descriptors come back: see bounds*.ts for the rest.
import { type RedisProcess, startRedis } from '../../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../../src/cli/local-server/server-binary.js';
import type { Figure } from '../../support/figures.js';
import { POOL } from '../../support/proxy.js';
import { type ProxyProcess, startProxyProcess } from '../../support/proxy-process.js';
import { connectRaw, type RawClient } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import type { Bystander, Latency } from './bystander.js';
import { descriptors, resetPeak, resident, residentPeak } from './proc.js';
import type { Scenario } from './scenario.js';

const PATIENCE_MS = 120_000;
/** How many times the ordinary client is asked before there is an offender. */
const WARM_UP_PINGS = 200;

export interface Outcome {
  /** Resident bytes of the proxy before, and the most above that. */
  readonly before: number;
  readonly grown: number;
  readonly bound: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  readonly alone: Latency;
  readonly beside: Latency;
  readonly notes: Record<string, Figure>;
}

export interface RunOptions {
  readonly bystander: Bystander;
  readonly size: number;
  readonly entry: 'dist' | 'source';
  /** How long the ordinary client is watched alone, in replies. */
  readonly samplesAlone: number;
}

/** A Redis of the scenario's, ended with `use`, and a connection straight to it. */
export async function withServer<T>(
  scenario: Scenario,
  use: (redis: RedisProcess, control: RawClient) => Promise<T>,
): Promise<T> {
  const binary = await ensureServerBinary((line) => console.error(line));
  const redis = await startRedis({ binary, args: ['--maxclients', '15000', ...(scenario.redisArgs ?? [])] });
  try {
    const control = await connectRaw(redis.port, PATIENCE_MS);
    try {
      return await use(redis, control);
    } finally {
      control.destroy();
    }
  } finally {
    await redis.stop();
  }
}

/** Connections that clients shared are kept for a while, for the next ones. */
const KEPT = POOL === 'command' ? 2 : 0;

/** The scenario through a proxy. `inspect` sees the proxy before anybody has come. */
export function runProxied(
  scenario: Scenario,
  { bystander, size, entry, samplesAlone }: RunOptions,
  inspect: (proxy: ProxyProcess) => void = () => {},
): Promise<Outcome> {
  return withServer(scenario, async (redis, control) => {
    const proxy = await startProxyProcess({
      entry,
      config: {
        limits: { maxClients: 20_000 },
        ...scenario.config,
        upstream: { url: `redis://127.0.0.1:${redis.port}` },
        admin: { listen: false },
      },
    });
    try {
      const descriptorsBefore = descriptors(proxy.pid) + KEPT;
      inspect(proxy);
      await warmUp(proxy.port);
      const alone = await watchAlone(bystander, proxy.port, samplesAlone);
      const { pid } = proxy;
      const before = resident(pid);
      resetPeak(pid);
      const endWatch = await bystander.watch(proxy.port);
      const notes = await scenario.offend({ port: proxy.port, redis, control, pid }, size);
      const beside = await endWatch();
      const grown = residentPeak(pid) - before;
      await until(() => descriptors(pid) <= descriptorsBefore, {
        timeoutMs: PATIENCE_MS,
        describe: () => `${descriptorsBefore} descriptors as before: there are ${descriptors(pid)}`,
      });
      const descriptorsAfter = descriptors(pid);
      return {
        ...{ before, grown, bound: scenario.bound(size), descriptorsBefore, descriptorsAfter },
        ...{ alone, beside, notes },
      };
    } catch (error) {
      throw new Error(`${scenario.name}; the proxy's log:\n${proxy.log()}`, { cause: error });
    } finally {
      await proxy.stop();
    }
  });
}

/** The same at a Redis itself: how an ordinary client fares, and what the offence costs there. */
export function runDirect(
  scenario: Scenario,
  { bystander, size }: Pick<RunOptions, 'bystander' | 'size'>,
): Promise<{ beside: Latency; grown: number; notes: Record<string, Figure> }> {
  return withServer(scenario, async (redis, control) => {
    const { pid, port } = redis;
    const before = resident(pid);
    resetPeak(pid);
    const endWatch = await bystander.watch(port);
    const notes = await scenario.offend({ port, redis, control, pid }, size);
    return { beside: await endWatch(), grown: residentPeak(pid) - before, notes };
  });
}

async function warmUp(port: number): Promise<void> {
  const client = await connectRaw(port, PATIENCE_MS);
  for (let i = 0; i < WARM_UP_PINGS; i++) await client.call('PING');
  client.destroy();
}

async function watchAlone(bystander: Bystander, port: number, samples: number): Promise<Latency> {
  const end = await bystander.watch(port);
  const client = await connectRaw(port, PATIENCE_MS);
  // The ordinary client is asked about once a millisecond, and this one at least as often.
  for (let i = 0; i < samples; i++) await client.call('PING');
  client.destroy();
  return end();
}
