// The server of one run, and the proxy in front of it where the way has one. Ends both, however the run ends.
import { Redis } from 'ioredis';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { type ProxyProcess, startProxyProcess } from '../../test/support/proxy-process.js';
import type { Way } from './ways.js';

export interface SetupOptions {
  readonly binary: string;
  readonly megabytes: number;
  readonly pool: string;
  readonly workers: number;
}

export interface Setup {
  /** Where the writers connect. */
  readonly port: number;
  /** A connection to the server itself. */
  readonly control: Redis;
  readonly limitBytes: number;
  readonly proxy: ProxyProcess | undefined;
}

export async function withSetup<T>(
  { policy, rules }: Way,
  { binary, megabytes, pool, workers }: SetupOptions,
  run: (setup: Setup) => Promise<T>,
): Promise<T> {
  const args = ['--maxmemory', `${megabytes}mb`, '--maxmemory-policy', policy];
  const redis = await startRedis({ binary, args });
  const control = new Redis({ host: redis.host, port: redis.port });
  let proxy: ProxyProcess | undefined;
  try {
    if (rules !== undefined) {
      const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool };
      proxy = await startProxyProcess({ config: { upstream, workers, rules } });
    }
    const limitBytes = megabytes * 2 ** 20;
    return await run({ port: proxy?.port ?? redis.port, control, limitBytes, proxy });
  } finally {
    await proxy?.stop();
    control.disconnect();
    await redis.stop();
  }
}
