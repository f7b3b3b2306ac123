// TTLs that are taken away: what a session counts, on a few keys, against an exact model of Redis; and what the memory
// of a megabyte still knows of many more keys than fit.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { TtlMemory } from '../../../src/core/policy/ttl-memory.js';
import { cmd, makeSession } from '../../support/session-lab.js';

/** By name; `ttl:*` get a TTL of 60 s from every write, `str:*` of 30 s from those of strings. */
const SLOTS: Record<string, number> = { 'ttl:a': 1, 'str:a': 2, 'watch:a': 5, 'queue:a': 6, other: 0, '': 0 };
const RULE_TTLS: Record<string, number> = { 'ttl:a': 60_000, 'str:a': 30_000 };
const key = fc.constantFrom(...Object.keys(SLOTS));
const tenths = fc.integer({ min: 1, max: 40 }).map((n) => n * 100);
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
  ...(['wait', 'wait', 'flush'] as const),
];
type Step = { do: (typeof KINDS)[number]; key: string; other: string; ms: number };
const step: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom(...KINDS), key, other: key, ms: tenths });

/** What Redis has, and what rules add. */
class Model {
  readonly dropped: number[] = [];
  private readonly ends = new Map<string, number>();
  private readonly keys = new Set<string>();
  now = 0;

  has(name: string): boolean {
    if ((this.ends.get(name) ?? Number.POSITIVE_INFINITY) <= this.now) this.remove(name);
    return this.keys.has(name);
  }

  /** A write that replaces the key, with an expiry of its own or none. */
  replace(name: string, ms: number | undefined, ruleTtl: number | null = RULE_TTLS[name] ?? null): void {
    const had = this.has(name) && this.ends.has(name);
    const given = ms ?? ruleTtl;
    this.keys.add(name);
    if (given !== null) this.ends.set(name, this.now + given);
    else if (this.ends.delete(name) && had) this.dropped.push(SLOTS[name]);
  }

  /** A write that keeps what TTL there is. */
  keep(name: string, ruleTtl: number | undefined): void {
    const had = this.has(name) && this.ends.has(name);
    this.keys.add(name);
    if (!had && ruleTtl !== undefined) this.ends.set(name, this.now + ruleTtl);
  }

  expire(name: string, ms: number, onlyIfNone: boolean): void {
    if (!this.has(name) || (onlyIfNone && this.ends.has(name))) return;
    this.ends.set(name, this.now + ms);
  }

  persist(name: string): void {
    this.ends.delete(name);
  }

  remove(name: string): void {
    this.keys.delete(name);
    this.ends.delete(name);
  }

  clear(): void {
    this.keys.clear();
    this.ends.clear();
  }
}

/** Plays one step on the model; returns what the client sends, or nothing where Redis would not do it. */
function play(model: Model, step: Step): string {
  const { key: name, ms } = step;
  switch (step.do) {
    case 'plain':
      model.replace(name, undefined);
      return cmd('SET', name, 'v');
    case 'large':
      model.replace(name, undefined);
      return cmd('SET', name, LARGE);
    case 'largeExpiry':
      if (!model.has(name)) return '';
      model.replace(name, ms);
      return cmd('SET', name, LARGE, 'XX', 'PX', ms);
    case 'largeKeep':
      model.keep(name, RULE_TTLS[name]);
      return cmd('SET', name, LARGE, 'KEEPTTL');
    case 'expiry':
      model.replace(name, ms);
      return cmd('PSETEX', name, ms, 'v');
    case 'nx':
      // Only where it is not there is it written.
      if (model.has(name)) return RULE_TTLS[name] === undefined ? cmd('SET', name, 'v', 'NX') : '';
      model.replace(name, undefined);
      return cmd('SET', name, 'v', 'NX');
    case 'keep':
      model.keep(name, RULE_TTLS[name]);
      return cmd('SET', name, 'v', 'KEEPTTL');
    case 'getset':
      model.replace(name, undefined);
      return cmd('GETSET', name, 'v');
    case 'mset':
      model.replace(name, undefined);
      model.replace(step.other, undefined);
      return cmd('MSET', name, 'v', step.other, 'v');
    case 'store':
      // Only a rule for all commands follows it up.
      model.replace(name, undefined, name === 'ttl:a' ? RULE_TTLS[name] : null);
      return cmd('SUNIONSTORE', name, 'source');
    case 'incr':
      model.keep(name, name === 'ttl:a' ? RULE_TTLS[name] : undefined);
      return cmd('INCR', name);
    case 'expire':
    case 'expireNx':
      if (!model.has(name)) return '';
      model.expire(name, ms, step.do === 'expireNx');
      return step.do === 'expire' ? cmd('PEXPIRE', name, ms) : cmd('PEXPIRE', name, ms, 'NX');
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

t.test(
  'each TTL that a write takes away is counted, by rule, and nothing else is',
  { timeout: 60_000 },
  async () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.boolean(),
        (steps, cut) => {
          const model = new Model();
          const { session, observer } = makeSession({ ttls: new TtlMemory(() => 1e12 + model.now) });
          for (const each of steps) {
            const text = Buffer.from(play(model, each), 'latin1');
            const half = cut ? text.length >> 1 : 0;
            session.fromClient(text.subarray(0, half));
            session.fromClient(text.subarray(half));
          }
          if (observer.dropped.join() !== model.dropped.join()) {
            throw new Error(`counted ${observer.dropped}, not ${model.dropped}`);
          }
        },
      ),
      { numRuns: 1500 },
    );
  },
);

t.test('of more keys than fit those are known that live longest, and none that never were', async (t) => {
  let now = 0;
  const memory = new TtlMemory(() => now);
  const named = (prefix: string, i: number) => Buffer.from(`${prefix}:${i}:name`);
  const put = (name: Buffer, ms: number) =>
    memory.remember(ms, false, name, 0, name.length, hashKey(name, 0, name.length));
  const found = (name: Buffer) => memory.forget(name, 0, name.length, hashKey(name, 0, name.length));
  const COUNT = 300_000;
  const ttlOf = (i: number) => (i % 3 === 0 ? 1_000_000 : 1000);
  for (let i = 0; i < COUNT; i++) put(named('k', i), ttlOf(i));
  let strangers = 0;
  for (let i = 0; i < COUNT; i++) if (found(named('stranger', i))) strangers++;
  t.equal(strangers, 0);
  now = 2000;
  let [lasting, expired] = [0, 0];
  for (let i = 0; i < COUNT; i++) {
    if (!found(named('k', i))) continue;
    if (i % 3 === 0) lasting++;
    else expired++;
  }
  t.equal(expired, 0, 'what has ended is not lost');
  t.ok(lasting > 75_000, `of 100,000 that last, ${lasting} are known`);
});

t.test('two keys of one hash are two', async (t) => {
  const names = Array.from({ length: 200_000 }, (_, i) =>
    Buffer.from(`user:${Math.imul(i, 0x9e3779b1) >>> 0}:${i * 7919}`),
  );
  const first = new Map<number, Buffer>();
  let pairs = 0;
  for (const name of names) {
    const hash = hashKey(name, 0, name.length);
    const other = first.get(hash);
    first.set(hash, name);
    if (other === undefined) continue;
    pairs++;
    const memory = new TtlMemory(() => 0);
    memory.remember(1000, false, other, 0, other.length, hash);
    t.notOk(memory.forget(name, 0, name.length, hash), `${name} is not ${other}`);
    t.ok(memory.forget(other, 0, other.length, hash));
  }
  t.ok(pairs > 0, `${pairs} pairs`);
});
