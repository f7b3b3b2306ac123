// Keys of any type: their names, places, times to live and insides. The port of a third server, for MIGRATE, is handed
// in. Times are far enough away that no slow machine reaches them.
import type { Family, Line } from './family.js';

const FUTURE = '33177117420';
/** What DUMP of Redis 7.0 says of the string "v". */
const DUMPED = Buffer.from('0001760a009108ceb219388ace', 'hex');

const expiring = (name: string, unit: string): readonly Line[] => [
  `${name} none ${unit}`,
  ...[
    `SET k v; ${name} k ${unit} XX; ${name} k ${unit} NX; ${name} k ${unit} NX`,
    // Without a TTL that is in how many milliseconds it was before does not count.
    `PERSIST k; ${name} k ${unit} GT`,
  ],
  `${name} k ${unit} NX XX; ${name} k ${unit} NOPE; ${name} k text; ${name} k 9223372036854775807`,
  `PEXPIRETIME none; ${name} k -1; EXISTS k`,
];

export const generic = (otherPort: number): Family => ({
  copy: [
    'SET a 1; COPY a b; COPY a b; COPY a b REPLACE; COPY a b DB 3; COPY a a; COPY none c; COPY a b DB 99',
  ],
  del: ['MSET a 1 b 2', 'DEL a none b a'],
  dump: ['SET k v', 'DUMP k', 'DUMP none'],
  exists: ['SET a 1', 'EXISTS a none a'],
  expire: expiring('EXPIRE', '1000'),
  expireat: expiring('EXPIREAT', FUTURE),
  expiretime: ['SET k v', 'EXPIRETIME k', `EXPIREAT k ${FUTURE}`, 'EXPIRETIME k', 'EXPIRETIME none'],
  keys: ['MSET a 1 ab 2 b 3', 'KEYS *', 'KEYS a?', 'KEYS [', 'KEYS none'],
  migrate: [
    `SET k v; MIGRATE 127.0.0.1 ${otherPort} k 0 20000 COPY REPLACE`,
    `MIGRATE 127.0.0.1 ${otherPort} none 0 20000; MIGRATE 127.0.0.1 1 k 0 1000; MIGRATE 127.0.0.1 1 k 0 x`,
  ],
  move: ['SET k v', 'MOVE k 5', 'MOVE k 5', 'MOVE k 99', 'MOVE k 0', 'MOVE k text'],
  'object|encoding': [
    'SET n 1; SET s text; RPUSH l a; OBJECT ENCODING n; OBJECT ENCODING s; OBJECT ENCODING l',
    'OBJECT ENCODING none',
  ],
  'object|freq': [
    'SET k v; OBJECT FREQ k; CONFIG SET maxmemory-policy allkeys-lfu; SET k w; OBJECT FREQ k',
    'CONFIG SET maxmemory-policy noeviction; OBJECT FREQ none',
  ],
  'object|help': ['OBJECT HELP'],
  'object|idletime': ['SET k v', 'OBJECT IDLETIME k', 'OBJECT IDLETIME none'],
  'object|refcount': ['SET k v', 'OBJECT REFCOUNT k', 'SET n 1', 'OBJECT REFCOUNT n', 'OBJECT REFCOUNT none'],
  persist: ['SET k v EX 1000', 'PERSIST k', 'PERSIST k', 'PERSIST none'],
  pexpire: expiring('PEXPIRE', '1000000'),
  pexpireat: expiring('PEXPIREAT', `${FUTURE}000`),
  pexpiretime: ['SET k v', `PEXPIREAT k ${FUTURE}000`, 'PEXPIRETIME k', 'PEXPIRETIME none'],
  pttl: ['SET k v', 'PTTL k', 'PEXPIRE k 1000000', 'PTTL k', 'PTTL none'],
  randomkey: ['RANDOMKEY', 'SET only v', 'RANDOMKEY'],
  rename: ['SET a 1', 'RENAME a b', 'RENAME a b', 'RENAME b b', 'GET b'],
  renamenx: ['MSET a 1 b 2', 'RENAMENX a b', 'RENAMENX a c', 'RENAMENX none d'],
  restore: [
    ['RESTORE', 'k', 0, DUMPED],
    'GET k',
    ['RESTORE', 'k', 0, DUMPED],
    ['RESTORE', 'k', 1000000, DUMPED, 'REPLACE', 'FREQ', 9],
    'RESTORE b 0 broken',
    ['RESTORE', 'c', -1, DUMPED],
    ['RESTORE', 'c', 0, DUMPED, 'NOPE'],
  ],
  'restore-asking': [['RESTORE-ASKING', 'k', 0, DUMPED], 'GET k', 'RESTORE-ASKING b 0 broken'],
  scan: [
    'MSET a 1 b 2; RPUSH l x; SCAN 0 COUNT 1000; SCAN 0 MATCH a* COUNT 1000; SCAN 0 TYPE list COUNT 1000',
    'SCAN text; SCAN 0 COUNT 0',
  ],
  sort: [
    'RPUSH l 3 1 2; SORT l; SORT l DESC LIMIT 0 2; MSET w1 9 w2 8 w3 7; SORT l BY w* GET # GET w*',
    'SORT l STORE d; LRANGE d 0 -1; RPUSH t x; SORT t; SORT t ALPHA; SORT l NOPE',
  ],
  sort_ro: ['RPUSH l 3 1 2', 'SORT_RO l', 'SORT_RO l STORE d'],
  touch: ['MSET a 1 b 2', 'TOUCH a b none'],
  ttl: ['SET k v', 'TTL k', 'EXPIRE k 1000', 'TTL k', 'TTL none'],
  type: [
    'SET s v; RPUSH l a; HSET h f v; SADD e a; ZADD z 1 a; XADD x 1-1 f v; TYPE s; TYPE l; TYPE h; TYPE e',
    'TYPE z; TYPE x; TYPE none',
  ],
  unlink: ['MSET a 1 b 2', 'UNLINK a none b'],
  wait: ['WAIT 0 0', 'WAIT 1 5', 'WAIT x 0', 'WAIT 0 -1'],
});
