// The lease to sweep a database, for proxies that share a server. It is a key in that database, so that the script that
// writes TTLs can check it in the same step: a proxy that was paused for longer than its lease writes nothing after another
// proxy has taken over.
//
//   spillway:sweep   a hash:
//     holder         "<fence>:<random>", the token of the proxy that holds the lease
//     begun          when it took the lease
//     until          when the lease ends; renewed while the sweep runs
//     fence          counts the leases, so that one sees which is the later
//     swept:<rules>  when the last complete sweep by these rules began (see digestTerms)
//
// Times are the server's, in milliseconds since 1970. The hash stores when the database was swept, not when it is due: each
// proxy adds its own `every`. The key has no TTL: a server over maxmemory with a volatile policy would evict it again and
// again, and never be swept.
// Owns one connection to that database. Invariants: only the holder renews or ends a lease; a proxy that is killed, or a
// clock that is set back, makes others wait no longer than the lease.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { DAY_MS } from '../../core/units.js';
import { explainFailure, ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';

export const SWEEP_KEY = 'spillway:sweep';
const SWEEP_KEY_BYTES = Buffer.from(SWEEP_KEY);

/** Whether this is the sweep's own key, which never gets a TTL, whatever rules match. */
export function isSweepKey(key: Uint8Array): boolean {
  return key.length === SWEEP_KEY_BYTES.length && SWEEP_KEY_BYTES.equals(key);
}

// The first write of each script frees memory: a full server refuses a script at its first write, or not at all.

const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** ARGV: random, lease, `every`, rules. Returns the holder's token; nil: held by another proxy, or not due. */
const TAKE = `${NOW}
local held = redis.call('HMGET', KEYS[1], 'holder', 'until', 'swept:' .. ARGV[4])
local left = (tonumber(held[2]) or 0) - now
if held[1] and left > 0 and left <= tonumber(ARGV[2]) then return false end
local age = now - (tonumber(held[3]) or 0)
if age >= 0 and age < tonumber(ARGV[3]) then return false end
redis.call('HDEL', KEYS[1], 'holder')
local token = redis.call('HINCRBY', KEYS[1], 'fence', 1) .. ':' .. ARGV[1]
redis.call('HSET', KEYS[1], 'holder', token, 'begun', now, 'until', now + ARGV[2])
return token`;

/** ARGV: token, lease. */
const RENEW = `${NOW}
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'until')
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
return 1`;

/** ARGV: token, age at which a `swept` entry is forgotten, and the rules if the sweep is complete. */
const END = `${NOW}
local held = redis.call('HMGET', KEYS[1], 'holder', 'begun')
if held[1] ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'holder', 'begun', 'until')
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 6) == 'swept:' then
    local age = now - all[i + 1]
    if age < 0 or age > tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
if ARGV[3] then redis.call('HSET', KEYS[1], 'swept:' .. ARGV[3], held[2]) end
return 1`;

/** No config asks for a sweep less often. */
const FORGET_MS = 31 * DAY_MS;

export interface LeaseOptions {
  /** Must be the same in all proxies that share the server. */
  readonly leaseMs: number;
  readonly everyMs: number;
  /** See digestTerms(): each set of rules has its own schedule. */
  readonly terms: string;
}

export class Lease {
  private readonly losing = new AbortController();
  private readonly renewing: NodeJS.Timeout;

  /** Takes the lease; undefined: another proxy holds it, or the next sweep is not due. @throws ServerError */
  static async take(server: Server, db: number, options: LeaseOptions): Promise<Lease | undefined> {
    const redis = server.redis.duplicate({ db });
    // A command on the connection reports what is wrong with it.
    redis.on('error', () => {});
    try {
      await redis.connect();
      const { leaseMs, everyMs, terms } = options;
      const random = randomBytes(16).toString('hex');
      const token = await redis.eval(TAKE, 1, SWEEP_KEY, random, leaseMs, everyMs, terms);
      if (typeof token === 'string') return new Lease(redis, token, options);
    } catch (error) {
      redis.disconnect();
      throw new ServerError(explainFailure(server.name, error));
    }
    redis.disconnect();
    return undefined;
  }

  private constructor(
    private readonly redis: Redis,
    /** The `holder` field while this proxy holds the lease. */
    readonly token: string,
    private readonly options: LeaseOptions,
  ) {
    this.renewing = setInterval(() => void this.renew(), options.leaseMs / 3);
    this.renewing.unref();
  }

  /** Aborted as soon as another proxy may hold the lease. */
  get lost(): AbortSignal {
    return this.losing.signal;
  }

  lose(): void {
    this.losing.abort();
  }

  /** `done`: the sweep is complete, so by these rules the database is due again `every` after this lease began. */
  async end(done: boolean): Promise<void> {
    clearInterval(this.renewing);
    const { terms } = this.options;
    try {
      const ended = await this.redis.eval(END, 1, SWEEP_KEY, this.token, FORGET_MS, ...(done ? [terms] : []));
      if (ended !== 1) this.lose();
    } catch {
      // The lease ends by itself.
    } finally {
      this.redis.disconnect();
    }
  }

  private async renew(): Promise<void> {
    try {
      const renewed = await this.redis.eval(RENEW, 1, SWEEP_KEY, this.token, this.options.leaseMs);
      if (renewed !== 1) this.lose();
    } catch {
      // The next renewal comes before the lease ends, and each write checks the lease in any case.
    }
  }
}
