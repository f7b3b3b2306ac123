// What a sidecar gains by unix sockets: SETs over TCP and over a unix socket, on the clients' side, the server's, and both.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { median } from '../../test/support/median.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults, SocketKind } from '../report/types.js';
import { cpuSeconds } from '../throughput/cpu.js';
import { commandFor, type LoadTarget, load } from '../throughput/redis-benchmark.js';
import { medianOfKnown, ratios } from '../throughput/results.js';
import { type Endings, RULES, withEndings } from '../throughput/targets.js';
import { CONNECTIONS, type PartOptions, warmUp } from './part.js';

const KINDS = ['tcp', 'unix'] as const;
const PIPELINES = [1, 16] as const;
const REQUESTS = 60_000;

interface Side {
  readonly target: 'direct' | 'command pooling' | 'session pooling';
  readonly client: SocketKind;
  /** null: there is no proxy. */
  readonly server: SocketKind | null;
  readonly address: LoadTarget;
  readonly pid: number | undefined;
}

export function measureUnix({ rounds, quick, report }: PartOptions): Promise<CostsResults['unix']> {
  return withEndings(async (endings) => {
    const sides = await startSides(endings);
    const command = commandFor('set', true);
    for (const { address } of sides) await warmUp(address, command, quick);
    const rows: CostsResults['unix'][number][] = [];
    for (const pipeline of PIPELINES) {
      const requests = (REQUESTS * (pipeline === 1 ? 1 : 5)) / (quick ? 20 : 1);
      const samples = await inTurn(rounds, sides, async ({ target, client, server, address, pid }) => {
        const before = pid === undefined ? undefined : cpuSeconds(pid);
        const result = await load({ ...address, connections: CONNECTIONS, pipeline, requests, command });
        const after = pid === undefined ? undefined : cpuSeconds(pid);
        report(
          `${target}, ${client} and ${server}, P = ${pipeline}: ${Math.round(result.requestsPerSecond)} a second`,
        );
        const cpu = before === undefined || after === undefined ? undefined : (after - before) / requests;
        return { perSecond: result.requestsPerSecond, cpu: cpu === undefined ? undefined : cpu * 1e6 };
      });
      const ratesOf = (i: number): number[] => (samples[i] ?? []).map(({ perSecond }) => perSecond);
      for (const [i, { target, client, server }] of sides.entries()) {
        rows.push({
          ...{ target, client, server, pipeline },
          perSecond: median(ratesOf(i)),
          // The first side is Redis by TCP.
          ratio: median(ratios(ratesOf(i), ratesOf(0))),
          proxyCpu: medianOfKnown((samples[i] ?? []).map(({ cpu }) => cpu)) ?? null,
        });
      }
    }
    return rows;
  });
}

/** Redis by TCP first. */
async function startSides(endings: Endings): Promise<Side[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-bench-'));
  endings.add(() => rm(folder, { recursive: true, force: true }));
  const socket = path.join(folder, 'redis.sock');
  const binary = await ensureServerBinary(console.error);
  const redis = await startRedis({ binary, args: ['--unixsocket', socket] });
  endings.add(() => redis.stop());
  const direct = { target: 'direct', server: null, pid: undefined } as const;
  const sides: Side[] = [
    { ...direct, client: 'tcp', address: { port: redis.port } },
    { ...direct, client: 'unix', address: { socket } },
  ];
  for (const pool of ['command', 'session'] as const) {
    for (const client of KINDS) {
      for (const server of KINDS) {
        const own = path.join(folder, `${pool}-${client}-${server}.sock`);
        const url = server === 'tcp' ? `redis://127.0.0.1:${redis.port}` : `unix://${socket}`;
        const listen = client === 'tcp' ? '127.0.0.1:0' : `unix:${own}`;
        const proxy = await startProxyProcess({ config: { listen, upstream: { url, pool }, rules: RULES } });
        endings.add(() => proxy.stop());
        const address = client === 'tcp' ? { port: proxy.port } : { socket: own };
        sides.push({ target: `${pool} pooling`, client, server, address, pid: proxy.pid });
      }
    }
  }
  return sides;
}
