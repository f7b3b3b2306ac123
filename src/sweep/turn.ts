// Whose turn it is to sweep a database, when several proxies share a server. It stands in that database itself, so that
// what is written under it can be made to depend on it, in one script: a proxy that was paused for longer than its lease
// writes nothing when it goes on.
//
//   spillway:sweep:lock    "<fence>:<random>", for the lease; renewed while the sweep runs
//   spillway:sweep:fence   counts the turns, so that one sees which is the later
//   spillway:sweep:next    there until the next sweep is due
//
// Owns one connection to that database. Invariants: only its holder renews or ends a turn; every one of these keys ends
// by itself, so a proxy that is killed keeps nobody waiting for longer than its lease.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { explainFailure, ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';

export const LOCK = 'spillway:sweep:lock';
const FENCE = 'spillway:sweep:fence';
const NEXT = 'spillway:sweep:next';

/** KEYS: lock, fence, next. ARGV: random, lease, time the fence stays. Answers what the lock holds, nil: not now. */
const TAKE = `if redis.call('EXISTS', KEYS[1], KEYS[3]) > 0 then return false end
local token = redis.call('INCR', KEYS[2]) .. ':' .. ARGV[1]
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token`;

/** KEYS: lock. ARGV: token, lease. */
const RENEW = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: lock, next. ARGV: token, milliseconds until the next one is due, 0: now. */
const END = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end
return redis.call('DEL', KEYS[1])`;

/** A server that is full refuses scripts that write, unless they say before that they shall run (Redis 7.0). */
function alsoWhenFull(script: string, { info }: Server): string {
  return Number.parseInt(info.get('redis_version') ?? '', 10) >= 7
    ? `#!lua flags=allow-oom\n${script}`
    : script;
}

export interface TurnOptions {
  readonly leaseMs: number;
  readonly everyMs: number;
}

export class Turn {
  private readonly begun = performance.now();
  private readonly losing = new AbortController();
  private readonly renewing: NodeJS.Timeout;

  /** undefined: another proxy has it, or the next sweep is not due yet. @throws ServerError */
  static async take(server: Server, db: number, options: TurnOptions): Promise<Turn | undefined> {
    const redis = server.redis.duplicate({ db });
    // What is wrong with the connection is told by what is asked of it.
    redis.on('error', () => {});
    try {
      await redis.connect();
      const { leaseMs, everyMs } = options;
      const random = randomBytes(16).toString('hex');
      const token = await redis.eval(
        alsoWhenFull(TAKE, server),
        3,
        LOCK,
        FENCE,
        NEXT,
        random,
        leaseMs,
        2 * everyMs + leaseMs,
      );
      if (typeof token === 'string') {
        return new Turn(redis, token, alsoWhenFull(END, server), options);
      }
    } catch (error) {
      redis.disconnect();
      throw new ServerError(explainFailure(server.name, error));
    }
    redis.disconnect();
    return undefined;
  }

  private constructor(
    private readonly redis: Redis,
    /** What the lock holds while the turn lasts. */
    readonly token: string,
    private readonly ending: string,
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

  /** `done`: nobody need sweep this database before `every` has passed since this turn began. */
  async end(done: boolean): Promise<void> {
    clearInterval(this.renewing);
    const { everyMs } = this.options;
    const waitMs = done ? Math.max(1, Math.round(everyMs - (performance.now() - this.begun))) : 0;
    try {
      await this.redis.eval(this.ending, 2, LOCK, NEXT, this.token, waitMs);
    } catch {
      // It ends by itself when the lease does.
    } finally {
      this.redis.disconnect();
    }
  }

  private async renew(): Promise<void> {
    try {
      const renewed = await this.redis.eval(RENEW, 1, LOCK, this.token, this.options.leaseMs);
      if (renewed !== 1) this.lose();
    } catch {
      // Tried again before the lease ends; the writes depend on it in any case.
    }
  }
}
