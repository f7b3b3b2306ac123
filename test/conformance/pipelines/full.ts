// A server that is over its maxmemory from its start: its own OOM, whether it or the proxy says it, in its place
// among the other refusals.
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

/** Less than an empty server uses. */
export const FULL: readonly string[] = ['--maxmemory', '100kb', '--maxmemory-policy', 'noeviction'];

export const full: Pipelines = {
  'growth is refused, the rest is not': commands(
    'SET a 1; GET a; DEL a; SETNX a 1; INCR n; RPUSH l x; LPOP l; HSET h f v; EXPIRE a 1; SADD s a; SREM s a; ZADD z 1 a; XADD x * f v; PFADD p a',
    'APPEND a x; SETRANGE a 1 x; MSET a 1 b 2; GETSET a 1; SETEX a 100 v; GETEX a; BITOP AND a b c; SORT a; EXISTS a',
  ),
  'what is refused before OOM': commands(
    'SET a; NOSUCH; SET a b EX notnum; SET a b NX XX; INCR; MSET a 1 b; GETSET a; PING',
  ),
  'OOM inside MULTI': commands(
    'MULTI; SET a 1; EXEC; MULTI; GET a; INCR n; GET a; EXEC; MULTI; GET a; EXEC; MULTI; SET a 1; DISCARD; EXEC',
  ),
  'OOM inside MULTI, RESP3': commands('HELLO 3; MULTI; SET a 1; EXEC; MULTI; GET a; EXEC; SMISMEMBER s a'),
  'OOM and WATCH': commands('WATCH a; SET a 1; MULTI; GET a; EXEC; WATCH a; MULTI; SET a 1; EXEC; GET a'),
  'OOM in silence': commands(
    'CLIENT REPLY SKIP; SET a 1; GET a; CLIENT REPLY OFF; SET a 1; INCR n; CLIENT REPLY ON; SET a 1; GET a',
  ),
  'OOM in a script': Buffer.concat([
    command('EVAL', "return redis.call('GET', KEYS[1])", 1, 'a'),
    command('EVAL', "return redis.call('SET', KEYS[1], 1)", 1, 'a'),
    command('EVAL', "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1)", 1, 'a'),
    commands('GET a; DEL a'),
  ]),
  'OOM while subscribed': commands('HELLO 3; SUBSCRIBE c; SET a 1; PUBLISH c x; GET a'),
  'OOM, inline': Buffer.from('SET a 1\r\nGET a\r\nMULTI\r\nSET a 1\r\nEXEC\r\nINCR n\r\n'),
};
