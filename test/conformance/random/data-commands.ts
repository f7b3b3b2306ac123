// Random commands on data, by family. Left out is what answers by chance or by the clock (RANDOMKEY, SPOP, TTL,
// XADD with *, SCAN of a whole database …), and sets or hashes of a server's own order where all of it would show.
import fc from 'fast-check';
import type { Command, Words } from './session.js';
import { template, templates } from './words.js';

const set = fc
  .tuple(
    template('SET key value'),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Words>([]) },
      {
        weight: 3,
        arbitrary: fc
          .array(fc.oneof(template('condition'), template('ex seconds')), { minLength: 1, maxLength: 3 })
          .map((options) => options.flat()),
      },
    ),
  )
  .map(([words, options]): Words => [...words, ...options]);

const strings = templates(`
  SETNX key value, GETSET key value, GETDEL key, GET key, GET key, STRLEN key, APPEND key value
  SETEX key seconds value, GETEX key EX seconds, GETEX key, GETRANGE key index index, SETRANGE key offset text
  INCR key, DECR key, INCRBY key number, DECRBY key number, INCRBYFLOAT key float
  MGET key..., MSET key+value..., MSET key+value..., MSETNX key+value..., MSET key value key, LCS key key LEN, SUBSTR key 0 2`);

// ASYNC: else Redis 8 has another thread flush while its client waits, and nobody sees when that is done.
const keys = templates(`
  DEL key..., UNLINK key, EXISTS key key, TYPE key, TOUCH key..., EXPIRE key 1000, EXPIRE key -1, EXPIRE key soon
  PEXPIRE key 1000000, PERSIST key, OBJECT ENCODING key, DBSIZE, FLUSHDB ASYNC, SELECT db, SELECT 0, MOVE key db
  SWAPDB 0 1, SORT key ALPHA, SORT small ALPHA sort LIMIT 0 3, SORT small ALPHA STORE key, SORT key STORE key`);

/** Within one rule, so that a TTL stays right; not of `a:`, where a transaction would lose it (see fit.ts). */
const renames = fc
  .tuple(fc.constantFrom('s', 'd', 'u', 'o', 'j'), fc.nat(3), fc.nat(3))
  .chain(([p, from, to]) =>
    fc.constantFrom<Words>(
      ['RENAME', `${p}:${from}`, `${p}:${to}`],
      ['RENAMENX', `${p}:${from}`, `${p}:${to}`],
      ['COPY', `${p}:${from}`, `${p}:${to}`],
      ['COPY', `${p}:${from}`, `${p}:${to}`, 'REPLACE'],
    ),
  );

const lists = templates(`
  LPUSH key value..., RPUSH key value..., LPUSHX key text, RPUSHX key value, LPOP key, RPOP key count, LLEN key
  LRANGE key 0 -1, LRANGE key index index, LINDEX key index, LSET key index text, LREM key index text
  LINSERT key BEFORE number text, LTRIM key index index, LPOS key number, RPOPLPUSH key key
  LMOVE key key side side, LMPOP 2 key key side COUNT 2, BLMOVE key key side side 0.01, BRPOPLPUSH key key 0.01
  BLPOP key key 0.01, BRPOP key 0.01, BLMPOP 0.01 2 key key LEFT`);

const hashes = templates(`
  HSET small number number, HSET small number+number..., HSETNX small number number, HINCRBY small number number
  HINCRBYFLOAT small number float, HDEL key number..., HGET key number, HMGET key number..., HLEN key
  HEXISTS key number, HSTRLEN key number, HGETALL small, HKEYS small, HVALS small, HSCAN small 0
  HSET special text value, HSET special number+value..., HMSET small number number`);

const sets = templates(`
  SADD small number..., SREM small number, SCARD key, SISMEMBER key number, SMISMEMBER key number number
  SMEMBERS small, SSCAN small 0, SMOVE small small number, SUNION small small, SINTER small small
  SINTERCARD 2 small small, SDIFF small small, SUNIONSTORE small small small, SINTERSTORE small small small
  SDIFFSTORE small small small, SADD special text, SADD special large`);

const sortedSets = templates(`
  ZADD key score number, ZADD key score+number..., ZADD key NX score number, ZADD key GT CH score number
  ZADD key INCR score text, ZINCRBY key float number, ZSCORE key number, ZMSCORE key number number, ZCARD key
  ZRANK key number, ZCOUNT key -inf score, ZREM key number..., ZRANGE key 0 -1, ZRANGE key 0 -1 WITHSCORES
  ZRANGE key index index REV, ZRANGEBYSCORE key -inf +inf WITHSCORES, ZRANGESTORE key key index index
  ZUNION 2 key small WITHSCORES, ZINTER 2 key small, ZUNIONSTORE key 2 key small, ZDIFFSTORE key 2 key key
  ZPOPMIN key, ZPOPMAX key count, ZREMRANGEBYRANK key 0 count, ZMPOP 1 key MIN, BZPOPMIN key 0.01
  BZPOPMAX key key 0.01, ZSCAN small 0, ZLEXCOUNT key - +`);

const streams = templates(`
  XADD key id number value, XADD key id number text, XADD key MAXLEN 2 id number text, XADD key NOMKSTREAM id f v
  XLEN key, XRANGE key - +, XREVRANGE key + - COUNT 2, XREAD COUNT 2 STREAMS key 0, XREAD BLOCK 10 STREAMS key 9
  XDEL key id, XTRIM key MAXLEN count, XGROUP CREATE key group 0 MKSTREAM, XGROUP CREATE key group 0
  XGROUP DESTROY key group, XREADGROUP GROUP group c COUNT 1 STREAMS key >, XACK key group id
  XPENDING key group, XSETID key 9-9`);

const others = templates(`
  SETBIT key bit onoff, GETBIT key bit, BITCOUNT key, BITPOS key onoff, BITOP op key key, BITOP op key key key
  BITFIELD key SET u8 0 number INCRBY i5 bit 1, BITFIELD_RO key GET u4 0
  PFADD key text..., PFCOUNT key, PFCOUNT key key, PFMERGE key key
  GEOADD key longitude latitude member, GEOPOS key member, GEODIST key member member km, GEOHASH key member
  GEOSEARCH key FROMLONLAT 15 37 BYRADIUS 200 km ASC, GEOSEARCHSTORE key key FROMLONLAT 15 37 BYRADIUS 500 km`);

const wrong = templates(`
  GET, SET key, SET, INCR key key, LPUSH key, HSET key number, MSETNX key, ZADD key score, EVAL, XADD key *
  NOSUCH, NOSUCH key value, GETT key, CLIENT, CLIENT NOSUCH, OBJECT, EXPIRE key, LRANGE key 0, SELECT, XGROUP
  PING a b c, ECHO, SUBSTR key 0, DEBUG, CONFIG`);

const quiet = templates(
  'PING, PING text, ECHO text, ECHO large, LOLWUT VERSION x, COMMAND COUNT, TIME x, ROLE, WAIT 0 10, WAIT 1 10, WAITAOF 0 0 0',
);

export const dataCommand: fc.Arbitrary<Words> = fc.oneof(
  { weight: 5, arbitrary: set },
  { weight: 7, arbitrary: strings },
  { weight: 3, arbitrary: keys },
  { weight: 2, arbitrary: renames },
  { weight: 4, arbitrary: lists },
  { weight: 3, arbitrary: hashes },
  { weight: 3, arbitrary: sets },
  { weight: 3, arbitrary: sortedSets },
  { weight: 3, arbitrary: streams },
  { weight: 3, arbitrary: others },
  { weight: 2, arbitrary: wrong },
  { weight: 2, arbitrary: quiet },
);

/** The same command as typed: its name in small letters, or all of it as a line where its words allow it. */
export const typed = (words: fc.Arbitrary<Words>): fc.Arbitrary<Command> =>
  fc.tuple(words, fc.nat(15)).map(([command, how]): Command => {
    const [name, ...rest] = command;
    if (how === 1) return [String(name).toLowerCase(), ...rest];
    if (how > 3 || !command.every((word) => /^[\w:.+*?-]+$/.test(String(word)))) return command;
    if (command.some((word) => typeof word === 'number')) return command;
    return { raw: command.join(' ') + (how === 2 ? '\r\n' : '\n') };
  });
