// A private Redis for one test file or one subtest, ended with it.
import type { Test } from 'tap';
import { type RedisProcess, startRedis } from '../../src/demo/redis-server.js';
import { ensureServerBinary } from '../../src/demo/server-binary.js';

/** What the helpers here need of a tap test. */
export type TestScope = Pick<Test, 'comment' | 'teardown'>;

/**
 * Starts a server that ends when `t` ends. `args` are redis-server's own, e.g. `['--maxmemory', '10mb']`.
 * Installs a server first where the machine has none.
 */
export async function withRedis(t: TestScope, args: readonly string[] = []): Promise<RedisProcess> {
  const binary = await ensureServerBinary((line) => t.comment(line));
  const redis = await startRedis({ binary, args });
  t.teardown(() => redis.stop());
  return redis;
}
