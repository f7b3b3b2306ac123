// The whole proxy in the test's own process, in front of a private Redis, ended with the test.
import { type Logger, pino } from 'pino';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { type ProxyParts, type StartedProxy, startProxy } from '../../src/runtime/proxy.js';
import { type AskAdmin, adminAt, type PostAdmin, postAt } from './ask-admin.js';
import type { TestScope } from './redis.js';
import { SENTINEL_PRIMARY, withSentinel } from './sentinel.js';

export interface ProxyOptions {
  /** The Redis in front of which it stands. */
  redis: { port: number };
  /** As in the config file; `listen`, `upstream.url` and `admin.listen` are set where they are not given. */
  config?: Record<string, unknown>;
  secrets?: Parameters<typeof compileConfig>[1];
  log?: Logger;
  /** What is told of the traffic in place of the statistics; with one process. */
  observe?: ProxyParts['observe'];
  /** What a reload finds instead of these settings; without it nothing ever changes. */
  reloaded?: () => Record<string, unknown>;
}

export interface TestProxy {
  readonly port: number;
  /** Undefined when the config switches the admin server off. */
  readonly adminPort: number | undefined;
  readonly running: StartedProxy;
  readonly admin: AskAdmin;
  /** Needs `secrets.adminToken`. */
  readonly post: PostAdmin;
}

/** Under which kind of pooling the tests run that do not choose one themselves. */
export const POOL = process.env.SPILLWAY_POOL ?? 'session';

/** Both kinds: a file that goes through them by itself is not run a second time (test/tiers.ts). */
export const POOLS = ['session', 'command'] as const;

/** How many worker processes the tests' proxies have that do not say themselves. */
export const WORKERS = Number(process.env.SPILLWAY_WORKERS ?? 1);

/** Said for a run by hand: the proxies find their servers by a Sentinel, as the conformance files pass it. */
export const BY_SENTINEL = process.env.SPILLWAY_FOLLOWED === 'sentinel';

/** A Sentinel that watches the server of this URL; where it would need a login, or there is none, the URL itself. */
async function bySentinel(t: TestScope, url: string): Promise<string> {
  const port = /^redis:\/\/127\.0\.0\.1:(\d+)$/.exec(url)?.[1];
  if (port === undefined) return url;
  const sentinel = await withSentinel(t, Number(port));
  return `redis-sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_PRIMARY}`;
}

/** Starts a proxy on free ports; it is closed without grace when `t` ends. */
export async function withProxy(
  t: TestScope,
  { redis, config = {}, secrets, log, observe, reloaded }: ProxyOptions,
): Promise<TestProxy> {
  const upstream = {
    url: `redis://127.0.0.1:${redis.port}`,
    pool: POOL,
    ...(config.upstream as object | undefined),
  };
  if (BY_SENTINEL) upstream.url = await bySentinel(t, upstream.url);
  const compile = (changes: Record<string, unknown> = {}) =>
    compileConfig(
      configSchema.parse({
        listen: '127.0.0.1:0',
        admin: { listen: '127.0.0.1:0' },
        workers: WORKERS,
        ...config,
        upstream,
        ...changes,
      }),
      secrets,
    );
  const load = async () => ({ config: compile(reloaded?.()), warnings: [] });
  const source = { file: undefined, text: undefined, load };
  const running = await startProxy(compile(), log ?? pino({ level: 'silent' }), {
    source,
    ...(observe && { observe }),
  });
  t.teardown(() => running.stop(0));
  const adminPort = running.adminAddress?.port;
  const token = secrets?.adminToken;
  const base = `http://127.0.0.1:${adminPort}`;
  return {
    port: running.address.port,
    adminPort,
    running,
    admin: adminAt(base, token),
    post: postAt(base, token),
  };
}
