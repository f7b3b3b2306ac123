// The places where a client case is played: a Redis by itself, and two of its twins, one behind a proxy whose rules
// touch nothing, one behind a proxy that gives a TTL to every key. What clients see must be the same at all of them.
// Never looks through the proxy: keys, blocked clients and TTLs are asked of Redis itself.
import type { Test } from 'tap';
import type { RedisProcess } from '../../../src/cli/local-server/redis-server.js';
import { type TestProxy, withProxy } from '../../support/proxy.js';
import { connectRaw, type RawClient } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { integer, wipe } from '../../support/twins.js';
import { until } from '../../support/wait.js';

const EVERY = { name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' };
const NONE = { name: 'none', match: 'no-such-key:*', ttl: '1h', applyTo: 'all' };
const LONGEST_TTL_MS = 7_200_000;
/** Nothing is shed here, and a client that monitors Redis need not see Spillway ask for its memory. */
const SELDOM = { pollInterval: '1m', staleAfter: '2m' };
const WITHOUT_TTL = `local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl < 0 or ttl > ${LONGEST_TTL_MS} then found[#found + 1] = key end
end
return found`;
/** Generous: two cores may run several suites at a time. */
export const PATIENCE = { timeoutMs: 60_000 };

export class Side {
  /** Where clients connect. */
  readonly port: number;
  readonly name: string;
  readonly redis: RedisProcess;
  readonly proxy: TestProxy | undefined;
  /** Every key gets a TTL here. */
  readonly ruled: boolean;
  #look: RawClient;

  constructor(name: string, redis: RedisProcess, look: RawClient, proxy?: TestProxy, ruled = false) {
    this.name = name;
    this.redis = redis;
    this.proxy = proxy;
    this.port = proxy?.port ?? redis.port;
    this.ruled = ruled;
    this.#look = look;
  }

  /** A connection to Redis itself; another one after revive(). */
  get look(): RawClient {
    return this.#look;
  }

  /** Resolves once `count` clients wait in a blocking command. */
  async blocked(count = 1): Promise<void> {
    const wanted = `blocked_clients:${count}\r\n`;
    const seen = async () => String(await this.look.call('INFO', 'clients')).includes(wanted);
    await until(seen, { ...PATIENCE, describe: `${count} clients to be blocked` });
  }

  /** The keys that have no TTL, or too long a one, and how many keys there are. */
  async keys(): Promise<{ withoutTtl: string; count: number }> {
    const withoutTtl = String(await this.look.call('EVAL', WITHOUT_TTL, 0));
    return { withoutTtl, count: await integer(this.look, 'DBSIZE') };
  }

  async wipe(): Promise<void> {
    await wipe(this.look);
  }

  /** Starts Redis again after it was killed. */
  async revive(): Promise<void> {
    this.#look.destroy();
    await this.redis.restart();
    const { proxy } = this;
    const listens = async () => proxy === undefined || (await proxy.admin('/api/connections')).listening;
    await until(listens, { ...PATIENCE, describe: 'the proxy to listen again' });
    this.#look = await connectRaw(this.redis.port, PATIENCE.timeoutMs);
  }

  /** Resolves once the proxy has let go of every client. */
  async quiet(): Promise<void> {
    const { proxy } = this;
    if (proxy === undefined) return;
    const left = async () => (await proxy.admin('/api/connections')).clients;
    await until(async () => (await left()) === 0, { ...PATIENCE, describe: 'the clients to be let go' });
  }

  close(): void {
    this.#look.destroy();
  }
}

/** Three twins; `args` are redis-server's own. Direct first. */
export async function withSides(t: Test, args: readonly string[] = []): Promise<readonly Side[]> {
  const open = async (name: string, rules?: readonly object[]): Promise<Side> => {
    const redis = await withRedis(t, args);
    const look = await connectRaw(redis.port, PATIENCE.timeoutMs);
    const proxy = rules && (await withProxy(t, { redis, config: { rules, memory: SELDOM } }));
    const side = new Side(name, redis, look, proxy, rules?.includes(EVERY));
    t.teardown(() => side.close());
    return side;
  };
  return Promise.all([
    open('direct'),
    open('through, no rule matches', [NONE]),
    open('through, a rule for every key', [EVERY]),
  ]);
}
