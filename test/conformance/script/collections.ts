// Lists, hashes and sets: every command, its options, and what it refuses. Blocking commands only where they need not
// wait, or not for long; how they are woken is a scenario.
import type { Family } from './family.js';

const LIST = 'RPUSH l a b c b';
const HASH = 'HSET h f v n 5';

export const lists: Family = {
  blmove: [
    LIST,
    'BLMOVE l m LEFT RIGHT 0.01; BLMOVE none m LEFT LEFT 0.01; BLMOVE l m UP LEFT 1',
    'BLMOVE l m LEFT LEFT -1',
  ],
  blmpop: [
    LIST,
    'BLMPOP 0.01 2 none l LEFT COUNT 2; BLMPOP 0.01 1 none LEFT; BLMPOP 0.01 0 l LEFT; BLMPOP x 1 l LEFT',
  ],
  blpop: [LIST, 'BLPOP none l 0.01', 'BLPOP none 0.01', 'BLPOP l x', 'BLPOP l -1'],
  brpop: [LIST, 'BRPOP none l 0.01', 'BRPOP none 0.01', 'BRPOP l x'],
  brpoplpush: [LIST, 'BRPOPLPUSH l m 0.01', 'BRPOPLPUSH none m 0.01', 'BRPOPLPUSH l m -1'],
  lindex: [LIST, 'LINDEX l 0', 'LINDEX l -1', 'LINDEX l 9', 'LINDEX l x', 'LINDEX none 0'],
  linsert: [
    LIST,
    'LINSERT l BEFORE b x; LINSERT l AFTER c y; LINSERT l BEFORE none x; LINSERT l NEAR b x',
    'LINSERT none BEFORE a b',
  ],
  llen: [LIST, 'LLEN l', 'LLEN none'],
  lmove: [LIST, 'LMOVE l m LEFT RIGHT; LMOVE l l RIGHT LEFT; LMOVE none m LEFT LEFT; LMOVE l m UP LEFT'],
  lmpop: [LIST, 'LMPOP 2 none l RIGHT COUNT 2; LMPOP 1 none LEFT; LMPOP 1 l UP; LMPOP 1 l LEFT COUNT 0'],
  lpop: [LIST, 'LPOP l', 'LPOP l 2', 'LPOP none', 'LPOP none 2', 'LPOP l -1', 'LPOP l 0'],
  lpos: [LIST, 'LPOS l b', 'LPOS l b RANK 2', 'LPOS l b COUNT 0 MAXLEN 9', 'LPOS l none', 'LPOS l b RANK 0'],
  lpush: ['LPUSH l a b', 'LPUSH l c', 'LRANGE l 0 -1'],
  lpushx: ['LPUSHX l a', LIST, 'LPUSHX l z'],
  lrange: [LIST, 'LRANGE l 1 2', 'LRANGE l -2 -1', 'LRANGE l 9 10', 'LRANGE none 0 -1', 'LRANGE l x 1'],
  lrem: [LIST, 'LREM l -1 b', 'LREM l 0 none', 'LREM l x b', 'LRANGE l 0 -1'],
  lset: [LIST, 'LSET l 1 z', 'LSET l 9 z', 'LSET none 0 z', 'LSET l x z'],
  ltrim: [LIST, 'LTRIM l 1 2', 'LRANGE l 0 -1', 'LTRIM l x 1', 'LTRIM none 0 1'],
  rpop: [LIST, 'RPOP l', 'RPOP l 2', 'RPOP none'],
  rpoplpush: [LIST, 'RPOPLPUSH l m', 'RPOPLPUSH none m', 'LRANGE m 0 -1'],
  rpush: [LIST, 'RPUSH l ""', 'LRANGE l 0 -1'],
  rpushx: ['RPUSHX l a', LIST, 'RPUSHX l z y'],
};

export const hashes: Family = {
  hdel: [HASH, 'HDEL h f none', 'HDEL none f'],
  hexists: [HASH, 'HEXISTS h f', 'HEXISTS h none', 'HEXISTS none f'],
  hget: [HASH, 'HGET h f', 'HGET h none', 'HGET none f'],
  hgetall: [HASH, 'HGETALL h', 'HGETALL none'],
  hincrby: [HASH, 'HINCRBY h n 2', 'HINCRBY h f 1', 'HINCRBY h n x', 'HINCRBY new n 1'],
  hincrbyfloat: [HASH, 'HINCRBYFLOAT h n 1.25', 'HINCRBYFLOAT h f 1', 'HINCRBYFLOAT h n inf'],
  hkeys: [HASH, 'HKEYS h', 'HKEYS none'],
  hlen: [HASH, 'HLEN h', 'HLEN none'],
  hmget: [HASH, 'HMGET h f none n', 'HMGET none f'],
  hmset: ['HMSET h f v g w', 'HMSET h f', 'HMSET h f v g', 'HGETALL h'],
  hrandfield: [
    'HSET h f v; HRANDFIELD h; HRANDFIELD h 5; HRANDFIELD h -2 WITHVALUES; HRANDFIELD none',
    'HRANDFIELD h 1 NOPE',
  ],
  hscan: [HASH, 'HSCAN h 0', 'HSCAN h 0 MATCH f* COUNT 5', 'HSCAN h x', 'HSCAN none 0', 'HSCAN h 0 NOPE'],
  hset: [HASH, 'HSET h f w', 'HSET h f', 'HSET h f v g'],
  hsetnx: ['HSETNX h f v', 'HSETNX h f w'],
  hstrlen: [HASH, 'HSTRLEN h f', 'HSTRLEN h none'],
  hvals: [HASH, 'HVALS h', 'HVALS none'],
};

const SETS = ['SADD s a b 1', 'SADD r b c'];

export const sets: Family = {
  sadd: ['SADD s a b a', 'SADD s a'],
  scard: [...SETS, 'SCARD s', 'SCARD none'],
  sdiff: [...SETS, 'SDIFF s r', 'SDIFF none s'],
  sdiffstore: [...SETS, 'SDIFFSTORE d s r', 'SMEMBERS d', 'SDIFFSTORE d none'],
  sinter: [...SETS, 'SINTER s r', 'SINTER s none'],
  sintercard: [
    ...SETS,
    'SINTERCARD 2 s r; SINTERCARD 2 s r LIMIT 1; SINTERCARD 0 s; SINTERCARD 2 s; SINTERCARD 1 s LIMIT -1',
  ],
  sinterstore: [...SETS, 'SINTERSTORE d s r', 'SMEMBERS d'],
  sismember: [...SETS, 'SISMEMBER s a', 'SISMEMBER s z', 'SISMEMBER none a'],
  smembers: [...SETS, 'SMEMBERS s', 'SMEMBERS none', 'SADD n 3 1 2', 'SMEMBERS n'],
  smismember: [...SETS, 'SMISMEMBER s a z', 'SMISMEMBER none a'],
  smove: [...SETS, 'SMOVE s r a', 'SMOVE s r z', 'SMOVE s new 1', 'SMOVE none r a'],
  spop: ['SADD s a', 'SPOP s', 'SPOP s', 'SADD n 1 2 3', 'SPOP n 3', 'SPOP none 2', 'SPOP n -1'],
  srandmember: [
    'SADD n 1 2 3; SRANDMEMBER n 3; SADD s a; SRANDMEMBER s; SRANDMEMBER s -2; SRANDMEMBER none',
    'SRANDMEMBER n x',
  ],
  srem: [...SETS, 'SREM s a z', 'SREM none a'],
  sscan: [...SETS, 'SSCAN s 0 COUNT 100', 'SSCAN s 0 MATCH a*', 'SSCAN none 0', 'SSCAN s x'],
  sunion: [...SETS, 'SUNION s r none'],
  sunionstore: [...SETS, 'SUNIONSTORE d s r', 'SCARD d'],
};
