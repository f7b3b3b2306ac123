// The memory of keys: what it says of a few, and which TTLs a session counts as taken away, against an exact model of Redis;
// and what it still knows of keys behind many others.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { KeyMemory, sizeOf, TtlEffect } from '../../../src/core/policy/key-memory.js';
import { INTEGER_CLASS, SizeClass, sizeClassOf } from '../../../src/core/policy/size-class.js';
import { cmd, makeSession } from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';

/** By name; `ttl:*` get a TTL of 60 s from every write, `str:*` of 30 s from those of strings. */
const SLOTS: Record<string, number> = { 'ttl:a': 1, 'str:a': 2, 'watch:a': 5, 'queue:a': 6, other: 0, '': 0 };
const RULE_TTLS: Record<string, number> = { 'ttl:a': 60_000, 'str:a': 30_000 };
const key = fc.constantFrom(...Object.keys(SLOTS));
const tenths = fc.integer({ min: 1, max: 40 }).map((n) => n * 100);
/** A number has no more. */
const DIGITS = 20;
const LARGE = 'x'.repeat(20_000);

const KINDS = [
  ...([
    'plain',
    'plain',
    'plain',
    'expiry',
    'expiry',
    'expire',
    'expireNx',
    'getset',
    'mset',
    'store',
  ] as const),
  ...(['nx', 'keep', 'large', 'largeExpiry', 'largeKeep', 'incr', 'del', 'persist', 'getex'] as const),
  ...(['append', 'setrange', 'rename', 'copy', 'expireGt'] as const),
  ...(['wait', 'wait', 'flush'] as const),
];
type Step = {
  do: (typeof KINDS)[number];
  key: string;
  other: string;
  ms: number;
  length: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  ...{ do: fc.constantFrom(...KINDS), key, other: key, ms: tenths },
  ...{ length: fc.integer({ min: 1, max: 300 }) },
});

/** What a key holds: a string of so many bytes, a number, or anything else. */
type Content = number | 'number' | 'other';

/** What Redis has, and what rules add. */
class Model {
  readonly dropped: number[] = [];
  readonly keys = new Map<string, Content>();
  /** TTLs, and those of them that a rule gave. */
  readonly ends = new Map<string, number>();
  readonly own = new Set<string>();
  now = 0;

  has(name: string): boolean {
    if ((this.ends.get(name) ?? Number.POSITIVE_INFINITY) <= this.now) this.remove(name);
    return this.keys.has(name);
  }

  /** A write that replaces the key, with an expiry of its own or none. */
  replace(
    name: string,
    content: Content,
    ms: number | undefined,
    ruleTtl: number | null = RULE_TTLS[name] ?? null,
  ): void {
    const had = this.has(name) && this.ends.has(name);
    const given = ms ?? ruleTtl;
    this.remove(name);
    this.keys.set(name, content);
    if (given === null) {
      if (had) this.dropped.push(SLOTS[name]);
      return;
    }
    this.ends.set(name, this.now + given);
    if (ms === undefined) this.own.add(name);
  }

  /** A write that keeps what TTL there is. */
  keep(name: string, content: Content, ruleTtl: number | undefined): void {
    const had = this.has(name) && this.ends.has(name);
    this.keys.set(name, content);
    if (had || ruleTtl === undefined) return;
    this.ends.set(name, this.now + ruleTtl);
    this.own.add(name);
  }

  /** A TTL that a rule gave counts as none. */
  expire(name: string, ms: number, onlyIfNone: boolean): void {
    if (!this.has(name) || (onlyIfNone && this.ends.has(name) && !this.own.has(name))) return;
    this.ends.set(name, this.now + ms);
    this.own.delete(name);
  }

  persist(name: string): void {
    this.ends.delete(name);
    this.own.delete(name);
  }

  remove(name: string): void {
    this.keys.delete(name);
    this.persist(name);
  }

  clear(): void {
    this.keys.clear();
    this.ends.clear();
    this.own.clear();
  }
}

/**
 * Plays one step on the model; returns what the client sends, or nothing where Redis would not do it. `known`: the memory
 * has the step's key.
 */
function play(model: Model, step: Step, known: boolean): string {
  const { key: name, ms, length } = step;
  const value = 'v'.repeat(length);
  switch (step.do) {
    case 'plain':
      model.replace(name, length, undefined);
      return cmd('SET', name, value);
    case 'large':
      model.replace(name, LARGE.length, undefined);
      return cmd('SET', name, LARGE);
    case 'largeExpiry':
      if (!model.has(name)) return '';
      model.replace(name, LARGE.length, ms);
      return cmd('SET', name, LARGE, 'XX', 'PX', ms);
    case 'largeKeep':
      model.keep(name, LARGE.length, RULE_TTLS[name]);
      return cmd('SET', name, LARGE, 'KEEPTTL');
    case 'expiry':
      model.replace(name, length, ms);
      return cmd('PSETEX', name, ms, value);
    case 'nx':
      // It does nothing to a key that there is.
      if (!model.has(name)) model.replace(name, length, undefined);
      // Where the memory does not know of the key, it takes the write for one.
      else if (!known) return '';
      return cmd('SET', name, value, 'NX');
    case 'keep':
      model.keep(name, length, RULE_TTLS[name]);
      return cmd('SET', name, value, 'KEEPTTL');
    case 'getset':
      model.replace(name, length, undefined);
      return cmd('GETSET', name, value);
    case 'mset':
      model.replace(name, length, undefined);
      model.replace(step.other, 1, undefined);
      return cmd('MSET', name, value, step.other, 'v');
    case 'store':
      // Only a rule for all commands follows it up.
      model.replace(name, 'other', undefined, name === 'ttl:a' ? RULE_TTLS[name] : null);
      return cmd('SUNIONSTORE', name, 'source');
    case 'incr':
      model.keep(name, 'number', name === 'ttl:a' ? RULE_TTLS[name] : undefined);
      return cmd('INCR', name);
    case 'append':
      model.keep(name, 'other', name === 'ttl:a' ? RULE_TTLS[name] : undefined);
      return cmd('APPEND', name, value);
    case 'setrange': {
      const old = model.has(name) ? model.keys.get(name) : 'other';
      const before = old === 'number' ? DIGITS : old;
      const content = typeof before === 'number' ? Math.max(before, ms + length) : 'other';
      model.keep(name, content, name === 'ttl:a' ? RULE_TTLS[name] : undefined);
      return cmd('SETRANGE', name, ms, value);
    }
    case 'rename':
      if (!model.has(name) || name === step.other) return '';
      carry(model, name, step.other);
      model.remove(name);
      return cmd('RENAME', name, step.other);
    case 'copy':
      if (!model.has(name) || name === step.other) return '';
      carry(model, name, step.other);
      return cmd('COPY', name, step.other, 'REPLACE');
    case 'expire':
    case 'expireNx':
      if (!model.has(name)) return '';
      model.expire(name, ms, step.do === 'expireNx');
      return step.do === 'expire' ? cmd('PEXPIRE', name, ms) : cmd('PEXPIRE', name, ms, 'NX');
    case 'expireGt':
      // To a key without a TTL, and so to one that has the rule's, it does nothing.
      if (!model.has(name) || (model.ends.has(name) && !model.own.has(name))) return '';
      return cmd('PEXPIRE', name, ms, 'GT');
    case 'persist':
      model.persist(name);
      return cmd('PERSIST', name);
    case 'getex':
      if (!model.has(name)) return '';
      model.persist(name);
      return cmd('GETEX', name, 'PERSIST');
    case 'del':
      model.remove(name);
      return cmd('DEL', name);
    case 'flush':
      model.clear();
      return cmd('FLUSHALL');
    default:
      model.now += ms;
      return '';
  }
}

/** Another name: an application's TTL goes along, a rule's only to the same TTL. */
function carry(model: Model, from: string, to: string): void {
  const content = model.keys.get(from) ?? 'other';
  const end = model.ends.get(from);
  const own = model.own.has(from);
  model.remove(to);
  model.keys.set(to, content);
  if (end === undefined) return;
  // watch:* only watches.
  if (!own || to === 'watch:a') {
    model.ends.set(to, end);
    if (own) model.own.add(to);
  } else if (RULE_TTLS[to] !== undefined) {
    model.ends.set(to, model.now + RULE_TTLS[to]);
    model.own.add(to);
  }
}

function classOf(content: Content): number {
  if (content === 'other') return SizeClass.OTHER;
  return content === 'number' ? INTEGER_CLASS : sizeClassOf(content);
}

/** @throws Error where the memory says what is not so. */
function compare(memory: KeyMemory, model: Model): void {
  for (const name of Object.keys(SLOTS)) {
    const key = Buffer.from(name);
    const state = memory.find(key, 0, key.length, hashKey(key, 0, key.length), 0);
    if (state === 0) continue;
    const content = model.has(name) ? model.keys.get(name) : undefined;
    if (content === undefined) throw new Error(`${name} is gone`);
    // What is known to live, and no more than that, is as good as not known.
    const size = sizeOf(state);
    if (size !== SizeClass.OTHER && size < classOf(content)) throw new Error(`${name} is larger`);
    if (size !== SizeClass.OTHER && classOf(content) === SizeClass.OTHER) throw new Error(`${name} is none`);
    const left = memory.ownLeft(state);
    if (left > 0 && !model.own.has(name)) throw new Error(`${name} has no TTL of a rule`);
    const off = left - ((model.ends.get(name) ?? 0) - model.now);
    if (left > 0 && Math.abs(off) > 100) throw new Error(`${name} ends ${off} ms off`);
  }
}

t.test(
  'what is known of keys is so, and each TTL that a write takes away is counted, by rule',
  { timeout: 60_000 },
  async () => {
    let lived = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.boolean(),
        fc.boolean(),
        (steps, cut, pipelined) => {
          const model = new Model();
          const keys = new KeyMemory(() => 1e12 + model.now);
          const { session, observer } = makeSession({ keys });
          let pipeline = '';
          const send = (): void => {
            const text = Buffer.from(pipeline, 'latin1');
            pipeline = '';
            const half = cut ? text.length >> 1 : 0;
            session.fromClient(text.subarray(0, half));
            session.fromClient(text.subarray(half));
            if (observer.dropped.join() !== model.dropped.join()) {
              throw new Error(`counted ${observer.dropped}, not ${model.dropped}`);
            }
            compare(keys, model);
          };
          for (const each of steps) {
            // Time passes between two reads, and what SET NX does depends on what is known.
            if (each.do === 'wait' || each.do === 'nx') send();
            const key = Buffer.from(each.key);
            const known = keys.find(key, 0, key.length, hashKey(key, 0, key.length), 0) !== 0;
            pipeline += play(model, each, known);
            if (!pipelined) send();
          }
          send();
          lived += model.keys.size;
        },
      ),
      { numRuns: FULL ? 1500 : 400 },
    );
    if (lived < 1000) throw new Error(`only ${lived} keys lived`);
  },
);

/** A memory, and short ways to ask it about string keys of database 0. */
function memoryOf(clock: () => number) {
  const memory = new KeyMemory(clock);
  const SIZE = sizeClassOf(100);
  const at = (name: string) => {
    const key = Buffer.from(name);
    return [key, 0, key.length, hashKey(key, 0, key.length)] as const;
  };
  return {
    memory,
    at,
    write: (name: string, db = 0) => memory.written(TtlEffect.NONE, 0, SIZE, false, ...at(name), db),
    expire: (name: string, ms: number) => memory.written(TtlEffect.GIVEN, ms, SIZE, false, ...at(name), 0),
    knows: (name: string, db = 0) => sizeOf(memory.find(...at(name), db)) === SIZE,
  };
}

t.test('writes that are kept until settle() leave what writes leave that count at once', async () => {
  const [SIZE, OTHER] = [sizeClassOf(100), SizeClass.OTHER];
  const write = fc.record({
    key: fc.nat({ max: 40 }),
    effect: fc.constantFrom(...Object.values(TtlEffect)),
    ms: fc.constantFrom(0, 50, 300, 5000, 1e15),
    size: fc.constantFrom(SIZE, OTHER),
    ifMissing: fc.boolean(),
    db: fc.constantFrom(0, 0, 0, 3, -1),
    next: fc.constantFrom('', '', '', '', 'settle', 'forget', 'expire', 'persist', 'rename', 'flush', 'wait'),
  });
  fc.assert(
    fc.property(fc.array(write, { minLength: 1, maxLength: 300, size: 'max' }), (writes) => {
      let now = 0;
      const [kept, atOnce] = [new KeyMemory(() => now), new KeyMemory(() => now)];
      const lost: [number[], number[]] = [[], []];
      kept.onLost = (slot) => lost[0].push(slot);
      const at = (key: number) => {
        const name = Buffer.from(`key:${key}`);
        return [name, 0, name.length, hashKey(name, 0, name.length)] as const;
      };
      for (const { key, effect, ms, size, ifMissing, db, next } of writes) {
        kept.note(key + 70_000, effect, ms, size, ifMissing, ...at(key), db);
        if (atOnce.written(effect, ms, size, ifMissing, ...at(key), db)) lost[1].push(key + 70_000);
        if (next === 'settle') kept.settle();
        for (const memory of [kept, atOnce]) {
          if (next === 'forget') memory.forget(...at(key), db);
          else if (next === 'expire') memory.expires(2000, true, ...at(key), db);
          else if (next === 'persist') memory.persists(...at(key), db);
          else if (next === 'rename') memory.put(memory.find(...at(key), db), ...at(key + 1), db);
          else if (next === 'flush') memory.forgetAll();
        }
        // Its owner settles at the end of each read.
        if (next === 'wait') kept.settle();
        if (next === 'wait') now += 170;
      }
      for (let key = 0; key <= 41; key++) {
        for (const db of [0, 3]) {
          const [one, other] = [kept.find(...at(key), db), atOnce.find(...at(key), db)];
          if (one !== other) throw new Error(`key ${key} of database ${db}: ${one}, not ${other}`);
        }
      }
      if (lost[0].join() !== lost[1].join()) throw new Error(`lost ${lost[0]}, not ${lost[1]}`);
    }),
    { numRuns: FULL ? 1000 : 300 },
  );
});

const range = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}:${Math.imul(i, 0x9e3779b1) >>> 0}:name`);

t.test('keys that are written again are known behind 131,072 others, again and again', async (t) => {
  const { write, knows } = memoryOf(() => 0);
  const rewritten = range(300, 'session');
  for (const name of rewritten) write(name);
  for (let round = 0; round < 6; round++) {
    for (const name of range(131_072, `other${round}`)) write(name);
    const known = rewritten.filter((name) => knows(name)).length;
    t.ok(known >= 298, `round ${round}: ${known} of 300`);
    for (const name of rewritten) write(name);
  }
});

t.test('keys that were written once are known behind 131,072 others', async (t) => {
  const { write, knows } = memoryOf(() => 0);
  for (const name of range(700_000, 'long ago')) write(name);
  const once = range(300, 'session');
  for (const name of once) write(name);
  for (const name of range(131_072, 'other')) write(name);
  const known = once.filter((name) => knows(name)).length;
  t.ok(known >= 298, `${known} of 300`);
});

t.test('a stranger is not known, nor a key that has ended', async (t) => {
  let now = 0;
  const { memory, at, expire } = memoryOf(() => now);
  const names = range(400_000, 'k');
  for (const [i, name] of names.entries()) expire(name, i % 3 === 0 ? 1_000_000 : 1000);
  const strangers = range(400_000, 'stranger').filter((name) => memory.find(...at(name), 0) !== 0);
  t.ok(strangers.length <= 2, `${strangers.length} of 400,000 are taken for others`);
  now = 2000;
  const known = names.flatMap((name, i) => (memory.find(...at(name), 0) === 0 ? [] : [i]));
  t.ok(
    known.every((i) => i % 3 === 0),
    'what has ended is not known',
  );
  t.ok(known.length > 125_000, `of 133,334 that last, ${known.length} are known`);
});

t.test('keys of one name in two databases are two', async (t) => {
  const { memory, write, knows, at } = memoryOf(() => 0);
  let mixed = 0;
  const names = range(20_000, 'k');
  for (const name of names) {
    write(name);
    if (knows(name, 1)) mixed++;
  }
  t.ok(mixed < 600, `${mixed} of 20,000`);
  write('k', 3);
  memory.forget(...at('k'), 4);
  t.ok(knows('k', 3));
  write('unknown', -1);
  t.notOk(knows('unknown', -1), 'where the database is not known nothing is');
});

t.test('two keys of one hash are two, but for one pair in 256', async (t) => {
  const names = Array.from(
    { length: 400_000 },
    (_, i) => `user:${Math.imul(i, 0x9e3779b1) >>> 0}:${i * 7919}`,
  );
  const first = new Map<number, string>();
  let pairs = 0;
  let mixed = 0;
  for (const name of names) {
    const hash = hashKey(Buffer.from(name), 0, name.length);
    const other = first.get(hash);
    first.set(hash, name);
    if (other === undefined) continue;
    pairs++;
    const { memory, at } = memoryOf(() => 0);
    memory.written(TtlEffect.NONE, 0, 5, false, ...at(other), 0);
    if (memory.find(...at(name), 0) !== 0) mixed++;
    t.not(memory.find(...at(other), 0), 0);
  }
  t.ok(pairs >= 10, `${pairs} pairs`);
  t.ok(mixed <= 1, `${mixed} mixed`);
});
