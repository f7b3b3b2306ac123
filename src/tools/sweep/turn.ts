// Whose turn it is to sweep a database, when several proxies share a server. It stands in that database itself, so that
// what is written under it can be made to depend on it, in one script: a proxy that was paused for longer than its lease,
// and that another has followed, writes nothing when it goes on.
//
//   spillway:sweep   a hash:
//     holder         "<fence>:<random>" of who has it
//     begun          when it was taken
//     until          when the lease ends; renewed while the sweep runs
//     fence          counts the turns, so that one sees which is the later
//     swept:<rules>  when the last sweep that was done by these rules began (see digestTerms)
//
// Times are the server's, in milliseconds since 1970. What stands there is when it was swept, not when it is due: so each
// proxy goes by its own `every`, whatever that of the one before was. The key has no TTL: a server that is over maxmemory
// and evicts what ends would take it first, again and again, and never be swept.
// Owns one connection to that database. Invariants: only its holder renews or ends a turn; a proxy that is killed keeps
// nobody waiting for longer than its lease, nor does a clock that is set back.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { explainFailure, ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';

export const SWEEP_KEY = 'spillway:sweep';
const SWEEP_KEY_BYTES = Buffer.from(SWEEP_KEY);

/** Whether it is the sweep's own key, which is to stay as it is whatever rules match. */
export function isSweepKey(key: Uint8Array): boolean {
  return key.length === SWEEP_KEY_BYTES.length && SWEEP_KEY_BYTES.equals(key);
}

// Of each script the first write takes something away: only so does a server that is full let it do the others.

const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** ARGV: random, lease, `every`, rules. Answers what the holder is called, nil: not now. */
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

/** ARGV: token, what is too long ago to matter, rules where it was done. */
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
const FORGET_MS = 31 * 24 * 3_600_000;

export interface TurnOptions {
  /** Of all proxies that share the server, the same. */
  readonly leaseMs: number;
  readonly everyMs: number;
  /** See digestTerms(): each set of rules is due by itself. */
  readonly terms: string;
}

export class Turn {
  private readonly losing = new AbortController();
  private readonly renewing: NodeJS.Timeout;

  /** undefined: another proxy has it, or the next sweep is not due yet. @throws ServerError */
  static async take(server: Server, db: number, options: TurnOptions): Promise<Turn | undefined> {
    const redis = server.redis.duplicate({ db });
    // What is wrong with the connection is told by what is asked of it.
    redis.on('error', () => {});
    try {
      await redis.connect();
      const { leaseMs, everyMs, terms } = options;
      const random = randomBytes(16).toString('hex');
      const token = await redis.eval(TAKE, 1, SWEEP_KEY, random, leaseMs, everyMs, terms);
      if (typeof token === 'string') return new Turn(redis, token, options);
    } catch (error) {
      redis.disconnect();
      throw new ServerError(explainFailure(server.name, error));
    }
    redis.disconnect();
    return undefined;
  }

  private constructor(
    private readonly redis: Redis,
    /** What the key names as its holder while the turn lasts. */
    readonly token: string,
    private readonly options: TurnOptions,
  ) {
    this.renewing = setInterval(() => void this.renew(), options.leaseMs / 3);
    this.renewing.unref();
  }

  /** Aborted once it is known that another may have it. */
  get lost(): AbortSignal {
    return this.losing.signal;
  }

  lose(): void {
    this.losing.abort();
  }

  /** `done`: nobody with the same rules need sweep this database before its `every` has passed since this turn began. */
  async end(done: boolean): Promise<void> {
    clearInterval(this.renewing);
    const { terms } = this.options;
    try {
      const ended = await this.redis.eval(END, 1, SWEEP_KEY, this.token, FORGET_MS, ...(done ? [terms] : []));
      if (ended !== 1) this.lose();
    } catch {
      // It ends by itself when the lease does.
    } finally {
      this.redis.disconnect();
    }
  }

  private async renew(): Promise<void> {
    try {
      const renewed = await this.redis.eval(RENEW, 1, SWEEP_KEY, this.token, this.options.leaseMs);
      if (renewed !== 1) this.lose();
    } catch {
      // Tried again before the lease ends; the writes depend on it in any case.
    }
  }
}
