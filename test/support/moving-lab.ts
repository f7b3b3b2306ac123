// A service, one process or workers, in front of a server that may be elsewhere later, without anybody who decides that: tests
// pause, move and resume it by hand.
import net from 'node:net';
import { pino } from 'pino';
import type { Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { compileConfig } from '../../src/config/compile.js';
import type { EffectiveConfig } from '../../src/config/effective.js';
import { configSchema } from '../../src/config/schema.js';
import type { Service, ServiceEvents } from '../../src/runtime/service.js';
import { SingleProcess } from '../../src/runtime/single-process.js';
import { upstreamOf } from '../../src/runtime/upstream.js';
import { WorkerPool } from '../../src/runtime/workers/worker-pool.js';
import { serving } from './listen.js';

export interface MovingOptions {
  readonly redis: { readonly port: number };
  readonly pool: 'session' | 'command';
  readonly workers?: number;
  readonly config?: Record<string, unknown>;
  /** Settings that the schema takes otherwise: of the effective upstream. */
  readonly upstream?: Partial<EffectiveConfig['upstream']>;
  /** The server is always there. */
  readonly fixed?: boolean;
}

export interface Moving {
  readonly port: number;
  readonly service: Service;
  /** What was seen that speaks against the server: `failed: …`, `readonly`. */
  readonly signs: string[];
}

export const here = ({ port }: { readonly port: number }) => ({ host: '127.0.0.1', port });

/** Ends with the test. */
export async function withMoving(
  t: Pick<Test, 'teardown'>,
  { redis, pool, workers = 1, config, upstream, fixed }: MovingOptions,
): Promise<Moving> {
  const compiled = compileConfig(
    configSchema.parse({
      ...config,
      listen: '127.0.0.1:0',
      admin: { listen: false },
      workers,
      upstream: { url: `redis://127.0.0.1:${redis.port}`, pool, ...(config?.upstream as object | undefined) },
    }),
  );
  const failover = fixed ? undefined : {};
  const effective = {
    ...compiled,
    upstream: { ...compiled.upstream, ...upstream, failover },
  } as EffectiveConfig;
  const signs: string[] = [];
  const events: ServiceEvents = {
    upstreamFailed: ({ message }) => signs.push(`failed: ${message}`),
    upstreamReadonly: () => signs.push('readonly'),
    upstreamOom: () => {},
    asked: async () => Buffer.from('-ERR not asked\r\n'),
    workerEnded: () => {},
    workerReplaced: () => {},
  };
  const log = pino({ level: 'silent' });
  const address = upstreamOf(effective, log);
  const service: Service =
    workers === 1
      ? new SingleProcess(effective, log, events, address)
      : new WorkerPool(effective, events, address, undefined);
  t.teardown(() => service.close(0));
  await service.start();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) =>
    service.accept(client),
  );
  return { port: await serving(t, server), service, signs };
}

/** `redis` follows `primary` and has all that it has. */
export async function follow(
  redis: RedisProcess,
  primary: RedisProcess,
  look: { call(...args: string[]): Promise<Buffer> },
): Promise<void> {
  await look.call('REPLICAOF', '127.0.0.1', String(primary.port));
  for (;;) {
    const info = (await look.call('INFO', 'replication')).toString();
    if (/master_link_status:up/.test(info)) return;
    if (!/role:slave/.test(info)) throw new Error(`port ${redis.port} follows nobody`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
