// The scripts that give a TTL to one key and take it back. A script checks the key and changes it in one step. Sent by EVAL,
// not EVALSHA, because the server's script cache can be emptied at any time.
import type { Redis } from 'ioredis';
import { type KeyCommand, keyCommand, withTail } from '../keyspace/batch.js';
import { refusal, ServerError } from '../keyspace/endpoint.js';

/**
 * ARGV: the expiry in milliseconds; "string" to leave other types alone; the server's time for which the expiry was
 * computed; how far the clock may be from that time by now, because an expiry in the past would delete the key; for how many
 * seconds at least nobody has used the key, or 0.
 * Returns 1: the key got the expiry; 0: it did not; -1: the clock was set meanwhile.
 */
const GIVE = `local now = redis.call('TIME')
if math.abs(now[1] * 1000 + now[2] / 1000 - ARGV[3]) > tonumber(ARGV[4]) then return -1 end
if ARGV[2] == 'string' and redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
if ARGV[5] ~= '0' and redis.call('OBJECT', 'IDLETIME', KEYS[1]) < tonumber(ARGV[5]) then return 0 end
return redis.call('PEXPIREAT', KEYS[1], ARGV[1])`;

/**
 * ARGV: the expiry that the sweep gave; by how much the key's may differ. Returns 1: the key has no TTL now. Servers before
 * 7.0 do not know PEXPIRETIME; there the script computes the expiry to a few milliseconds.
 */
const TAKE_BACK = `local at, slack = redis.pcall('PEXPIRETIME', KEYS[1]), tonumber(ARGV[2])
if type(at) == 'table' then
  local left, now = redis.call('PTTL', KEYS[1]), redis.call('TIME')
  at = left
  if left > 0 then at = now[1] * 1000 + math.floor(now[2] / 1000) + left end
  slack = math.max(slack, 5)
end
if at < 0 or math.abs(at - ARGV[1]) > slack then return 0 end
return redis.call('PERSIST', KEYS[1])`;

/** How a key gets its expiry. */
export interface Giver {
  /** A script checks type and TTL at the moment of writing; without it the type may have changed. */
  readonly atomic: boolean;
  command(gift: Gift): KeyCommand;
}

export interface Gift {
  /** Milliseconds since 1970, by the server's clock. */
  readonly expireAt: number;
  readonly stringsOnly: boolean;
  /** Seconds for which nobody has used the key; 0: any. */
  readonly leastIdle: number;
  /** The time by the same clock for which it was computed. */
  readonly now: number;
}

/** The reply of a giver when the server's clock was set. */
export const CLOCK_MOVED = -1;
/** The clock may be off by half of the TTL, and at least by this. */
const LEAST_SLACK_MS = 5000;

/** @throws ServerError when there is no safe way */
export async function giverFor(redis: Redis, server: string, version: string): Promise<Giver> {
  if ((await scriptRefused(redis, server)) === undefined) {
    const give = keyCommand(['EVAL', GIVE, '1'], ['0', 'string', '0', '0', '0']);
    return {
      atomic: true,
      command({ expireAt, stringsOnly, leastIdle, now }) {
        const slack = Math.max(Math.round((expireAt - now) / 2), LEAST_SLACK_MS);
        const checks = [stringsOnly ? 'string' : 'any', String(now), String(slack), String(leastIdle)];
        return withTail(give, [String(expireAt), ...checks]);
      },
    };
  }
  if (Number.parseInt(version, 10) >= 7) {
    const give = keyCommand(['PEXPIREAT'], ['0', 'NX']);
    return { atomic: false, command: ({ expireAt }) => withTail(give, [String(expireAt), 'NX']) };
  }
  throw new ServerError(
    `${server}: sweep needs EVAL before Redis 7.0 (this is ${version}), and EVAL is refused: ` +
      'use another user, or give this one the right with ACL SETUSER: +eval +evalsha',
  );
}

/**
 * @param slackMs by how much an expiry may differ from the one that the sweep gave
 * @throws ServerError when scripts are refused
 */
export async function takeBackBy(
  redis: Redis,
  server: string,
  slackMs: number,
): Promise<(expireAt: number) => KeyCommand> {
  const refused = await scriptRefused(redis, server);
  if (refused !== undefined) {
    throw new ServerError(
      `${server}: --undo needs EVAL to leave TTLs of others alone, and EVAL is refused: ${refused} ` +
        '(give the user the right with ACL SETUSER: +eval +persist +pexpiretime)',
    );
  }
  const takeBack = keyCommand(['EVAL', TAKE_BACK, '1'], ['0', '0']);
  return (expireAt) => withTail(takeBack, [String(expireAt), String(slackMs)]);
}

/** Why the user may not run scripts; undefined: it may. @throws ServerError when the server cannot say now */
async function scriptRefused(redis: Redis, server: string): Promise<string | undefined> {
  try {
    await redis.eval('return 1', 0);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    if (/^NOPERM|unknown command/.test(message)) return message;
    throw refusal(server, error as Error);
  }
}
