// The storm against a proxy that is its own process, and what becomes of that process: resident memory and
// descriptors, in each third of the run and at its end. Linux only: reads /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { withProxyProcess } from '../../support/proxy-process.js';
import { connectRaw } from '../../support/raw-client.js';
import { type TestScope, withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';
import { STORM_ARGS, type StormTally, storm } from './storm.js';
import { STORM_RULES } from './storm-rules.js';

export interface Watched extends StormTally {
  /** Largest resident memory in each third, bytes. */
  readonly residentBytes: readonly [number, number, number];
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  readonly alive: boolean;
}

const SAMPLE_MS = 200;

export async function watchStorm(t: TestScope, seed: number, milliseconds: number): Promise<Watched> {
  const [behind, direct] = await Promise.all([withRedis(t, STORM_ARGS), withRedis(t, STORM_ARGS)]);
  const upstream = { url: `redis://127.0.0.1:${behind.port}` };
  const proxy = await withProxyProcess(t, { config: { upstream, rules: STORM_RULES } });
  const pings = async () => {
    const client = await connectRaw(proxy.port, 60_000);
    const reply = await client.call('PING');
    client.destroy();
    return reply.toString() === '+PONG\r\n';
  };
  await pings();
  const descriptorsBefore = descriptorsOf(proxy.pid);
  const residentBytes: [number, number, number] = [0, 0, 0];
  const started = performance.now();
  const sampler = setInterval(() => {
    const third = Math.min(2, Math.floor((3 * (performance.now() - started)) / milliseconds));
    residentBytes[third] = Math.max(residentBytes[third], residentOf(proxy.pid));
  }, SAMPLE_MS);
  try {
    const stop = () => performance.now() - started > milliseconds;
    const tally = await storm({ seed, proxyPort: proxy.port, directPort: direct.port, stop });
    const alive = await pings();
    await until(() => descriptorsOf(proxy.pid) <= descriptorsBefore, { timeoutMs: 30_000 }).catch(() => {});
    return { ...tally, residentBytes, descriptorsBefore, descriptorsAfter: descriptorsOf(proxy.pid), alive };
  } finally {
    clearInterval(sampler);
  }
}

function residentOf(pid: number): number {
  const found = /^VmRSS:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
