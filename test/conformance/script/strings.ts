// Strings and bitmaps: every command, its options, and what it refuses.
import type { Family } from './family.js';

export const strings: Family = {
  append: ['APPEND k a', 'APPEND k bc', 'GET k', 'APPEND k ""', 'APPEND other ""', 'EXISTS other'],
  decr: ['DECR n', 'SET n text', 'DECR n', 'SET n -9223372036854775808', 'DECR n'],
  decrby: ['DECRBY n 5', 'DECRBY n -3', 'DECRBY n x', 'DECRBY n -9223372036854775808'],
  get: ['SET k v', 'GET k', 'GET none', 'get k', 'GeT k', 'GET ""'],
  getdel: ['SET k v', 'GETDEL k', 'GETDEL k'],
  getex: ['SET k v; GETEX k EX 100; GETEX k PERSIST; TTL k; GETEX k EX 0; GETEX k EX 1 PX 1; GETEX none'],
  getrange: [
    'SET k hello; GETRANGE k 1 3; GETRANGE k -3 -1; GETRANGE k 3 1; GETRANGE k x 1; GETRANGE none 0 1',
  ],
  getset: ['GETSET k a', 'GETSET k b', 'GET k'],
  incr: ['INCR n', 'INCR n', 'SET n 9223372036854775807', 'INCR n', 'SET n 01', 'INCR n'],
  incrby: ['INCRBY n 5', 'INCRBY n -7', 'INCRBY n 1.5', 'INCRBY n 9223372036854775808'],
  incrbyfloat: ['INCRBYFLOAT f 1.5', 'INCRBYFLOAT f -3e2', 'INCRBYFLOAT f inf', 'INCRBYFLOAT f x'],
  lcs: [
    'MSET a ohmytext b mynewtext; LCS a b; LCS a b LEN; LCS a b IDX WITHMATCHLEN MINMATCHLEN 4',
    'LCS a b LEN IDX',
  ],
  mget: ['MSET a 1 b 2', 'MGET a none b', 'MGET a a'],
  mset: ['MSET a 1 b 2 a 3', 'MGET a b', 'MSET a 1 b'],
  msetnx: ['MSETNX a 1 b 2', 'MSETNX b 3 c 4', 'EXISTS c', 'MSETNX a'],
  psetex: ['PSETEX k 100000 v', 'PTTL k', 'PSETEX k 0 v', 'PSETEX k x v', 'PSETEX k 9223372036854775807 v'],
  set: [
    'SET k v; SET k w NX; SET k w XX; SET k x GET; SET k y EX 100; SET k z KEEPTTL; TTL k',
    'SET k v PXAT 33177117420000; PEXPIRETIME k; SET k v EX 0; SET k v EX; SET k v NX XX; SET k v BOGUS',
  ],
  setex: ['SETEX k 100 v', 'TTL k', 'SETEX k -1 v', 'SETEX k text v', 'SETEX k 9223372036854775807 v'],
  setnx: ['SETNX k v', 'SETNX k w', 'GET k'],
  setrange: ['SETRANGE k 5 hello; GET k; SETRANGE k -1 x; SETRANGE k 536870912 x; SETRANGE none 0 ""'],
  strlen: ['SET k hello', 'STRLEN k', 'STRLEN none'],
  substr: ['SET k hello', 'SUBSTR k 1 3', 'SUBSTR k x y'],
};

export const bitmaps: Family = {
  bitcount: [
    'SET k foobar; BITCOUNT k; BITCOUNT k 1 1; BITCOUNT k 5 30 BIT; BITCOUNT k 1; BITCOUNT k 1 2 NOPE',
  ],
  bitfield: [
    'BITFIELD k INCRBY i5 100 1 GET u4 0; BITFIELD k OVERFLOW FAIL SET u2 0 4 OVERFLOW SAT INCRBY u2 0 9',
    'BITFIELD k; BITFIELD k SET i65 0 1; BITFIELD k OVERFLOW NOPE; BITFIELD k GET u8 #1',
  ],
  bitfield_ro: ['SET k a', 'BITFIELD_RO k GET u8 0', 'BITFIELD_RO k SET u8 0 1'],
  bitop: [
    'MSET a abc b xy; BITOP AND d a b; BITOP OR d a b; BITOP XOR d a b; BITOP NOT d a; GET d',
    'BITOP NOT d a b; BITOP NOPE d a',
  ],
  bitpos: ['SETBIT k 9 1; BITPOS k 1; BITPOS k 0 1; BITPOS k 1 0 -1 BIT; BITPOS k 2; BITPOS none 0'],
  getbit: ['SETBIT k 7 1', 'GETBIT k 7', 'GETBIT k 100', 'GETBIT k -1'],
  setbit: ['SETBIT k 7 1', 'SETBIT k 7 0', 'SETBIT k 4294967296 1', 'SETBIT k 0 2'],
};

export const hyperloglogs: Family = {
  pfadd: ['PFADD p a b', 'PFADD p a', 'PFADD p', 'PFADD new'],
  pfcount: ['PFADD p a b', 'PFADD q c', 'PFCOUNT p', 'PFCOUNT p q', 'PFCOUNT none'],
  pfdebug: [
    'PFADD p a b; PFDEBUG ENCODING p; PFDEBUG DECODE p; PFDEBUG TODENSE p; PFDEBUG NOPE p',
    'PFDEBUG ENCODING none',
  ],
  pfmerge: ['PFADD p a', 'PFADD q b', 'PFMERGE d p q', 'PFCOUNT d', 'PFMERGE d'],
  pfselftest: ['PFSELFTEST'],
};
