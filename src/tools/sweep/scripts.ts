// What is done to one key, by scripts where the server allows them: only so are the look and the deed one. By EVAL, not
// EVALSHA: the cache of scripts can be emptied at any time.
import type { Redis } from 'ioredis';
import { type KeyCommand, keyCommand, withTail } from '../keyspace/batch.js';
import { refusal, ServerError } from '../keyspace/endpoint.js';

/**
 * ARGV: the time in milliseconds; "string" where other types are to be left alone; the server's time when that was worked
 * out, and by how much it may have gone on since, or back: an expiry that is past by now would delete the key.
 * Answers 1: it got it; -1: the clock is elsewhere.
 */
const GIVE = `local now = redis.call('TIME')
if math.abs(now[1] * 1000 + now[2] / 1000 - ARGV[3]) > tonumber(ARGV[4]) then return -1 end
if ARGV[2] == 'string' and redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
return redis.call('PEXPIREAT', KEYS[1], ARGV[1])`;

/**
 * ARGV: the time that it was given; by how much it may be off. Answers 1: it has none now. Servers before 7.0 know no
 * PEXPIRETIME; there the time is worked out, to a few milliseconds.
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
  /** By a script: whatever its type is by then, only what was meant gets one. */
  readonly atomic: boolean;
  command(gift: Gift): KeyCommand;
}

export interface Gift {
  /** Milliseconds since 1970, by the server's clock. */
  readonly expireAt: number;
  readonly stringsOnly: boolean;
  /** By the same clock, when that was worked out. */
  readonly now: number;
}

/** A giver's answer: the server's clock is not where it was. */
export const CLOCK_MOVED = -1;
/** By half of its TTL an expiry may be off, and by so much. */
const LEAST_SLACK_MS = 5000;

/** @throws ServerError when there is no safe way */
export async function giverFor(redis: Redis, server: string, version: string): Promise<Giver> {
  if ((await scriptRefused(redis, server)) === undefined) {
    const give = keyCommand(['EVAL', GIVE, '1'], ['0', 'string', '0', '0']);
    return {
      atomic: true,
      command({ expireAt, stringsOnly, now }) {
        const slack = Math.max(Math.round((expireAt - now) / 2), LEAST_SLACK_MS);
        return withTail(give, [String(expireAt), stringsOnly ? 'string' : 'any', String(now), String(slack)]);
      },
    };
  }
  if (Number.parseInt(version, 10) >= 7) {
    const give = keyCommand(['PEXPIREAT'], ['0', 'NX']);
    return { atomic: false, command: ({ expireAt }) => withTail(give, [String(expireAt), 'NX']) };
  }
  throw new ServerError(
    `${server}: Redis ${version} gives a TTL only where there is none by a script, and EVAL is refused: ` +
      'let another user run it, or give it the right by ACL SETUSER: +eval +evalsha',
  );
}

/**
 * @param slackMs by which an expiry may be off and is still the one that was given
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
      `${server}: what others have set since is told apart by a script, and EVAL is refused: ${refused} ` +
        '(give the user the right by ACL SETUSER: +eval +persist +pexpiretime)',
    );
  }
  const takeBack = keyCommand(['EVAL', TAKE_BACK, '1'], ['0', '0']);
  return (expireAt) => withTail(takeBack, [String(expireAt), String(slackMs)]);
}

/** Why scripts may not run; undefined: they may. @throws ServerError when that cannot be found out now */
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
