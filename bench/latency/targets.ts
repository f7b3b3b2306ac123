// What is measured side by side: one private Redis, straight and behind each proxy, all running all the time.

import { type RedisProcess, startRedis } from '../../src/demo/redis-server.js';
import { findServerBinary } from '../../src/demo/server-binary.js';
import { type ProxyProcess, startProxyProcess } from '../../test/support/proxy-process.js';
import type { Target } from '../report/types.js';
import { startPeers } from '../throughput/peer.js';

export type Pool = 'session' | 'command';

export interface Endpoint {
  readonly target: Target;
  readonly port: number;
  /** Of the proxy; undefined: none. */
  readonly pid: number | undefined;
  /** Behind Spillway the rule gives the TTL; elsewhere the client does, so that the work done is the same. */
  readonly clientGivesTtl: boolean;
}

/** What has been started and must be ended, the last one first. */
export class Endings {
  private readonly endings: (() => unknown)[] = [];

  add(end: () => unknown): void {
    this.endings.push(end);
  }

  async run(): Promise<void> {
    for (let end = this.endings.pop(); end !== undefined; end = this.endings.pop()) await end();
  }
}

/** Runs `use` and then ends whatever it has started, also when it throws. */
export async function withEndings<T>(use: (endings: Endings) => Promise<T>): Promise<T> {
  const endings = new Endings();
  try {
    return await use(endings);
  } finally {
    await endings.run();
  }
}

export async function privateRedis(endings: Endings): Promise<RedisProcess> {
  const binary = await findServerBinary();
  if (binary === undefined) throw new Error('no redis-server; on Debian: sudo apt-get install redis-server');
  const redis = await startRedis({ binary });
  endings.add(() => redis.stop());
  return redis;
}

export interface SpillwayOptions {
  readonly pool: Pool;
  /** Default: one that gives a TTL to the keys of redis-benchmark. */
  readonly rules?: readonly Record<string, unknown>[];
  readonly entry?: 'dist' | 'source' | URL;
}

export async function privateSpillway(
  endings: Endings,
  redisPort: number,
  { pool, rules = [{ name: 'bench', match: 'key:*', ttl: '1h' }], entry = 'dist' }: SpillwayOptions,
): Promise<ProxyProcess> {
  const config = {
    upstream: { url: `redis://127.0.0.1:${redisPort}`, pool },
    limits: { maxClients: 20_000 },
    rules,
  };
  const proxy = await startProxyProcess({ entry, config });
  endings.add(() => proxy.stop());
  return proxy;
}

/** Direct, both pools of Spillway, and the peers that are installed. */
export async function startEndpoints(endings: Endings, redis: RedisProcess): Promise<Endpoint[]> {
  const direct: Endpoint = { target: 'direct', port: redis.port, pid: undefined, clientGivesTtl: true };
  const spillways: Endpoint[] = [];
  for (const pool of ['command', 'session'] as const) {
    const { port, pid } = await privateSpillway(endings, redis.port, { pool });
    spillways.push({ target: `${pool} pooling`, port, pid, clientGivesTtl: false });
  }
  const peers = await startPeers(redis.port, console.error);
  for (const peer of peers) endings.add(() => peer.stop());
  return [
    direct,
    ...spillways,
    ...peers.map(({ name, port, pid }) => ({ target: name as Target, port, pid, clientGivesTtl: true })),
  ];
}
