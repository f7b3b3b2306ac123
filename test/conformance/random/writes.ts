// What the writes that sessions use may create, in words of its own: not read from the code under test.
// The models of both promises (TTLs, refusals) stand on this table.
import { type Command, nameOf, type Words, wordsOf } from './session.js';

interface Write {
  /** As Redis says it: exactly so many words, or at least -n. */
  readonly arity: number;
  /** Positions of the keys it may create or replace. */
  readonly keys: (words: Words) => readonly number[];
  /** Refused when memory runs short, as far as Spillway goes: not what moves or frees. */
  readonly grows: boolean;
  /** Its own name for how TTLs get there: by a follow-up for strings only, or for rules that apply to all. */
  readonly followUp: 'strings' | 'all' | 'none';
}

const first = () => [1];
const second = () => [2];
const pairs = (words: Words) => words.flatMap((_, i) => (i % 2 === 1 ? [i] : []));
const behindStore = (words: Words) => {
  const at = words.findIndex((word) => String(word).toUpperCase() === 'STORE');
  return at > 1 ? [at + 1] : [];
};

const WRITES = new Map<string, Write>();

function add(
  followUp: Write['followUp'],
  keys: Write['keys'],
  arity: number,
  names: string,
  grows = true,
): void {
  for (const name of names.split(' ')) WRITES.set(name, { arity, keys, grows, followUp });
}

add('none', first, -3, 'SET');
add('none', first, 4, 'SETEX PSETEX');
add('none', first, -2, 'GETEX', false);
add('strings', first, 3, 'SETNX GETSET');
add('strings', pairs, -3, 'MSET MSETNX');
add('all', first, 2, 'INCR DECR');
add('all', first, 3, 'APPEND INCRBY DECRBY INCRBYFLOAT');
add('all', first, 4, 'SETRANGE SETBIT HSETNX HINCRBY HINCRBYFLOAT ZINCRBY');
add('all', first, -2, 'BITFIELD PFADD PFMERGE');
add('all', first, -3, 'LPUSH RPUSH SADD SUNIONSTORE SINTERSTORE SDIFFSTORE');
add('all', first, -4, 'HSET HMSET ZADD ZUNIONSTORE ZINTERSTORE ZDIFFSTORE');
add('all', first, -5, 'XADD ZRANGESTORE GEOADD');
add('all', first, -8, 'GEOSEARCHSTORE');
add('all', second, -4, 'BITOP');
add('all', behindStore, -2, 'SORT');
add('none', first, -3, 'LPUSHX RPUSHX XSETID');
add('none', first, 4, 'LSET');
add('none', first, 5, 'LINSERT');
add('none', second, -3, 'COPY');
// Movers give up as much as they take.
add('all', second, 3, 'RPOPLPUSH', false);
add('all', second, 4, 'BRPOPLPUSH SMOVE', false);
add('all', second, 5, 'LMOVE', false);
add('all', second, 6, 'BLMOVE', false);
add('all', second, -2, 'XGROUP', false);

/** The write that a command is, if it is one and Redis would not refuse it for its arity. */
export function writeOf(command: Command): (Write & { readonly written: readonly string[] }) | undefined {
  const words = wordsOf(command);
  const write = WRITES.get(nameOf(command).name);
  if (write === undefined) return undefined;
  const { arity } = write;
  if (arity < 0 ? words.length < -arity : words.length !== arity) return undefined;
  return { ...write, written: write.keys(words).map((at) => String(words[at] ?? '')) };
}
