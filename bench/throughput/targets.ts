// What is measured side by side: one private Redis, straight, behind a Spillway of each pooling, and behind the peers
// that are installed. All of them are processes of their own that run all the time and end with what started them.
import { type RedisProcess, startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { type ProxyProcess, startProxyProcess } from '../../test/support/proxy-process.js';
import type { Target } from '../report/types.js';
import type { Loaded } from './measure.js';
import { startPeers } from './peer.js';

/** A short but usual set; the benchmarks' keys match the last one. */
export const RULES = [
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'cache', match: 'cache:*', ttl: '30m', priority: 'low' },
  { name: 'users', match: 'user:*', ttl: '12h' },
  { name: 'bench', match: 'key:*', ttl: '1h' },
] as const;

export type Pool = 'session' | 'command';

export interface Endpoint extends Loaded {
  readonly name: Target;
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
  const redis = await startRedis({ binary: await ensureServerBinary(console.error) });
  endings.add(() => redis.stop());
  return redis;
}

export interface SpillwayOptions {
  readonly pool: Pool;
  /** Default: RULES. */
  readonly rules?: readonly Record<string, unknown>[];
  /** Default: as Spillway's own. */
  readonly families?: 'auto' | 'off';
  readonly entry?: 'dist' | 'source' | URL;
}

export async function privateSpillway(
  endings: Endings,
  redisPort: number,
  { pool, rules = RULES, families = 'auto', entry = 'dist' }: SpillwayOptions,
): Promise<ProxyProcess> {
  const config = {
    upstream: { url: `redis://127.0.0.1:${redisPort}`, pool },
    limits: { maxClients: 20_000 },
    families,
    rules,
  };
  const proxy = await startProxyProcess({ entry, config });
  endings.add(() => proxy.stop());
  return proxy;
}

/** In the order of TARGETS. */
export async function startEndpoints(endings: Endings, redis: RedisProcess): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [{ name: 'direct', port: redis.port, pid: undefined, clientGivesTtl: true }];
  for (const pool of ['command', 'session'] as const) {
    const { port, pid } = await privateSpillway(endings, redis.port, { pool });
    endpoints.push({ name: `${pool} pooling`, port, pid, clientGivesTtl: false });
  }
  for (const peer of await startPeers(redis.port, console.error)) {
    endings.add(() => peer.stop());
    endpoints.push({ name: peer.name, port: peer.port, pid: peer.pid, clientGivesTtl: true });
  }
  return endpoints;
}
