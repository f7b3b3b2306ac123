// Writes of every kind in a row, with the errors among them: what rules look at most closely.
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

export const writes: Pipelines = {
  strings: commands('SET a 1; GET a; APPEND a 23; STRLEN a; INCR a; GETDEL a; GET a'),
  'SET in its forms': commands(
    'SET s 1; SET s 2 GET; SET s 3 NX; SET s 4 XX; SET s 5 XX GET; SET n 1 NX; SET x 1 XX; SET s 6 EX 100',
    'SET s 7 PX 100000; SET s 8 KEEPTTL; SET s 9 EXAT 33177117420; set S 1 ex 10 nx; SET s 1 EX; SET s 1 EX 0',
    'SET s 1 EX -1; SET s 1 EX x; SET s 1 EX 1 PX 1; SET s 1 NX XX; SET s 1 KEEPTTL EX 1; SET s 1 BOGUS; SET s; SET',
    'GET s; SET s 1 GET GET; SET s 1 NX GET',
  ),
  'string writes without options': commands(
    'SETNX a 1; SETNX a 2; GETSET a 3; GETSET new 1; MSET a 1 b 2; MSETNX c 1 d 2; MSETNX c 1 e 2; MSET a; MSET a 1 b',
    'SETEX a 100 v; SETEX a 0 v; SETEX a x v; PSETEX a 100000 v; GETEX a PERSIST; GETEX a EX 100000; GETEX a EX',
    'GETEX nope PX 1; SETRANGE a 2 xy; SETBIT bits 7 1; INCRBYFLOAT f 1.5',
  ),
  'every other type': commands(
    'HSET h f v g w; HINCRBY h n 2; HGETALL h; LPUSH l a b c; RPUSH l d; LRANGE l 0 -1; LMOVE l m LEFT RIGHT; SADD s a',
    'SMOVE s s2 a; ZADD z 1 a 2 b; ZADD z NX 1 c; ZINCRBY z 2 a; ZRANGESTORE zs z 0 -1; SORT l ALPHA STORE sl',
    'XADD x 1-1 f v; XRANGE x - +; XGROUP CREATE x g 0; XREADGROUP GROUP g c STREAMS x >; XACK x g 1-1; PFADD p a b',
    'PFMERGE p2 p; PFCOUNT p2; GEOADD g 13.3 38.1 P; GEOSEARCHSTORE gs g FROMMEMBER P BYRADIUS 1 km; BITOP AND bo a b',
    'COPY h h2; RENAME h2 h3; RPOPLPUSH l m; HSET l f v; INCR l; LPUSH h x; SINTERSTORE si s s2',
  ),
  errors: commands('NOSUCH; nosuch a b c; GET; GET a b; INCR; EXEC; DISCARD; CLIENT NOPE; OBJECT HELP'),
  'long unknown commands': Buffer.concat([
    command('x'.repeat(300), 'y'.repeat(300), 'z'),
    command('NO\r\nSUCH', 'a\r\nb', '\0'),
    commands('PING'),
  ]),
  'scripts among writes': Buffer.concat([
    command('EVAL', "return redis.call('SET', KEYS[1], ARGV[1])", 1, 'k', 'v'),
    command('EVAL', "return {1, {2, 'x'}, redis.status_reply('FINE'), false}", 0),
    command('EVAL', 'redis.setresp(3); return {map={a={double=3.5}}}', 0),
    command('EVAL', 'return redis.error_reply("MINE own")', 0),
    command('EVAL', 'this is not lua', 0),
    command('SCRIPT', 'LOAD', 'return 42'),
    commands(`EVALSHA 1fa00e76656cc152ad327c13fe365858fd7be306 0; EVALSHA ${'f'.repeat(40)} 0`),
    command(
      'FUNCTION',
      'LOAD',
      "#!lua name=lib\nredis.register_function('f', function(k, a) return a[1] end)",
    ),
    commands('FCALL f 1 k hi; SETNX k2 1; GET k; MULTI'),
    command('EVAL', "return redis.call('INCR', KEYS[1])", 1, 'n'),
    command('EVAL', "return redis.call('INCR', KEYS[1])", 1, 'k'),
    commands('SETNX k3 1; EXEC'),
  ]),
};
