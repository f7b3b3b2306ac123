// A private Redis for one test file or one subtest, ended with it.
import { spawnSync } from 'node:child_process';
import type { Test } from 'tap';
import { type RedisProcess, startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary, SERVER_ARGV0 } from '../../src/cli/local-server/server-binary.js';

/** What the helpers here need of a tap test. */
export type TestScope = Pick<Test, 'comment' | 'teardown'>;

/**
 * Starts a server that ends when `t` ends. `args` are redis-server's own, e.g. `['--maxmemory', '10mb']`.
 * Installs a server first where the machine has none.
 */
export async function withRedis(t: TestScope, args: readonly string[] = []): Promise<RedisProcess> {
  const binary = await ensureServerBinary((line) => t.comment(line));
  const redis = await startRedis({ binary, args: understood(args, versionOf(binary)) });
  t.teardown(() => redis.stop());
  return redis;
}

/** Whether the tests run on a server of this version (6.2, say) or a later one. */
export async function serverIs(version: number): Promise<boolean> {
  return versionOf(await ensureServerBinary(() => {})) >= version;
}

const versions = new Map<string, number>();

/** 7 of Redis 7.0.15, as the binary says. */
function versionOf(binary: string): number {
  let version = versions.get(binary);
  if (version === undefined) {
    const { stdout } = spawnSync(binary, ['--version'], { argv0: SERVER_ARGV0, encoding: 'utf8' });
    const [, major = 0, minor = 0] = /v=(\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? [];
    version = major + minor / 10;
    versions.set(binary, version);
  }
  return version;
}

/** Without what older servers do not know and need not be told: DEBUG and a cluster's port before 7.0, channels before 6.2. */
function understood(args: readonly string[], version: number): readonly string[] {
  const unknown = version < 7 ? ['--enable-debug-command', '--cluster-port'] : [];
  const known = args.filter((word, i) => !unknown.includes(word) && !unknown.includes(args[i - 1] ?? ''));
  return version < 6.2 ? known.filter((word) => !word.startsWith('&')) : known;
}
