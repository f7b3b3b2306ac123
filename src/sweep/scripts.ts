// What is done to one key, by scripts where the server allows them: only so are the look and the deed one. By EVAL, not
// EVALSHA: the cache of scripts can be emptied at any time.
import type { Redis } from 'ioredis';
import { type KeyCommand, keyCommand, withTail } from '../keyspace/batch.js';
import { ServerError } from '../keyspace/endpoint.js';

/** ARGV: the time in milliseconds, and "string" where other types are to be left alone. Answers 1: it got it. */
const GIVE = `if ARGV[2] == 'string' and redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
return redis.call('PEXPIREAT', KEYS[1], ARGV[1])`;

/**
 * ARGV: the time that it was given. Answers 1: it has none now. Servers before 7.0 know no PEXPIRETIME; there the time
 * is worked out, to a few milliseconds.
 */
const TAKE_BACK = `local at = redis.pcall('PEXPIRETIME', KEYS[1])
if type(at) == 'table' then
  local left, now = redis.call('PTTL', KEYS[1]), redis.call('TIME')
  at = left
  if left > 0 then
    at = now[1] * 1000 + math.floor(now[2] / 1000) + left
    if math.abs(at - ARGV[1]) <= 5 then at = tonumber(ARGV[1]) end
  end
end
if at ~= tonumber(ARGV[1]) then return 0 end
return redis.call('PERSIST', KEYS[1])`;

/** How a key gets its expiry. */
export interface Giver {
  /** By a script: whatever its type is by then, only what was meant gets one. */
  readonly atomic: boolean;
  command(expireAt: number, stringsOnly: boolean): KeyCommand;
}

/** @throws ServerError when there is no safe way */
export async function giverFor(redis: Redis, server: string, version: string): Promise<Giver> {
  if ((await scriptRefused(redis)) === undefined) {
    const give = keyCommand(['EVAL', GIVE, '1'], ['0', 'string']);
    return {
      atomic: true,
      command: (expireAt, stringsOnly) => withTail(give, [String(expireAt), stringsOnly ? 'string' : 'any']),
    };
  }
  if (Number.parseInt(version, 10) >= 7) {
    const give = keyCommand(['PEXPIREAT'], ['0', 'NX']);
    return { atomic: false, command: (expireAt) => withTail(give, [String(expireAt), 'NX']) };
  }
  throw new ServerError(
    `${server}: Redis ${version} gives a TTL only where there is none by a script, and EVAL is refused: ` +
      'let another user run it, or give it the right by ACL SETUSER: +eval +evalsha',
  );
}

/** @throws ServerError when scripts are refused */
export async function takeBackBy(redis: Redis, server: string): Promise<(expireAt: number) => KeyCommand> {
  const refused = await scriptRefused(redis);
  if (refused !== undefined) {
    throw new ServerError(
      `${server}: what others have set since is told apart by a script, and EVAL is refused: ${refused} ` +
        '(give the user the right by ACL SETUSER: +eval +persist +pexpiretime)',
    );
  }
  const takeBack = keyCommand(['EVAL', TAKE_BACK, '1'], ['0']);
  return (expireAt) => withTail(takeBack, [String(expireAt)]);
}

/** Why scripts may not run; undefined: they may. */
async function scriptRefused(redis: Redis): Promise<string | undefined> {
  try {
    await redis.eval('return 1', 0);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
