// What the throughput benchmark measures: one Redis, reached straight, through a Spillway of each pooling, and through
// the peers that are installed. All of them are processes of their own, and end with stop().
import { type RedisProcess, startRedis } from '../../src/demo/redis-server.js';
import { ensureServerBinary } from '../../src/demo/server-binary.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import type { Target } from '../report/types.js';
import type { Loaded } from './measure.js';
import { startPeers } from './peer.js';

/** A short but usual set; the benchmark's keys match the last one. */
export const RULES = [
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'cache', match: 'cache:*', ttl: '30m', priority: 'low' },
  { name: 'users', match: 'user:*', ttl: '12h' },
  { name: 'bench', match: 'key:*', ttl: '1h' },
] as const;

export interface RunningTarget extends Loaded {
  readonly name: Target;
}

export interface Targets {
  readonly redis: RedisProcess;
  readonly all: readonly RunningTarget[];
  stop(): Promise<void>;
}

/** @throws Error when Redis or Spillway does not start; what had started has ended then. */
export async function startTargets(report: (line: string) => void): Promise<Targets> {
  const endings: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    const redis = await startRedis({ binary: await ensureServerBinary(report) });
    endings.push(() => redis.stop());
    const all: RunningTarget[] = [{ name: 'direct', port: redis.port, pid: undefined, clientGivesTtl: true }];
    for (const pool of ['command', 'session'] as const) {
      const config = { upstream: { url: `redis://127.0.0.1:${redis.port}`, pool }, rules: RULES };
      const proxy = await startProxyProcess({ entry: 'dist', config });
      endings.push(() => proxy.stop());
      all.push({ name: `${pool} pooling`, port: proxy.port, pid: proxy.pid, clientGivesTtl: false });
    }
    for (const peer of await startPeers(redis.port, report)) {
      endings.push(() => peer.stop());
      all.push({ name: peer.name, port: peer.port, pid: peer.pid, clientGivesTtl: true });
    }
    return { redis, all, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
