// The ring against a model of plain lists: random writes, rewrites, deletions, takes, second chances, reloads, and more keys than
// there is room for. What it hands out is the oldest of the lowest priority, and nothing is known twice.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { SizeClass, sizeClassOf } from '../../../src/core/policy/size-class.js';
import type { Candidate } from '../../../src/evict/candidates.js';
import { Ring, TICK_MS } from '../../../src/evict/ring.js';

const BLOCK = 64;
/** Room for some 29 short keys; and for all that a run can write. */
const SIZES = [2048, 64 * 1024];

interface Known {
  readonly id: string;
  readonly key: Buffer;
  readonly db: number;
  slot: number;
  tick: number;
  size: number;
  /** It expires in a tick from lo to hi. */
  lo: number;
  hi: number;
}

const NEVER = Number.POSITIVE_INFINITY;
/** The ring rounds lives up, by a sixteenth at most, and down where a write keeps what is left. */
const ROUNDED = 1 / 16;

/** When a key ends that lives for so long from `tick` on. */
function endsOf(tick: number, lifetimeMs: number): { lo: number; hi: number } {
  const ticks = lifetimeMs === 0 ? NEVER : Math.abs(lifetimeMs) / TICK_MS;
  return { lo: tick + ticks, hi: tick + Math.max(1, Math.ceil(ticks)) * (1 + ROUNDED) };
}

/** The same, of one that was written with a lifetime of 0 or less, and so keeps what it has. */
function endsAfter({ lo, hi }: Known, tick: number, lifetimeMs: number): { lo: number; hi: number } {
  if (lo > tick && hi === NEVER && lifetimeMs === 0) return { lo, hi };
  const fresh = endsOf(tick, lifetimeMs);
  // Expired: it is a new key.
  if (hi <= tick || hi === NEVER) return fresh;
  const kept = { lo: Math.max(tick, tick + (lo - tick) * (1 - ROUNDED) - 1), hi: Math.max(hi, tick + 1) };
  if (lo > tick) return kept;
  return { lo: Math.min(fresh.lo, kept.lo), hi: Math.max(fresh.hi, kept.hi) };
}

const RULES = [
  { slot: 1, priority: 1, evict: true, observe: false },
  { slot: 2, priority: 0, evict: true, observe: false },
  { slot: 5, priority: 0, evict: true, observe: false },
  { slot: 7, priority: 0, evict: true, observe: true },
  { slot: 8, priority: 2, evict: false, observe: false },
] as const;
type RuleLike = { slot: number; priority: 0 | 1 | 2; evict: boolean; observe: boolean };

class Model {
  now = 1000;
  rules: readonly RuleLike[] = RULES;
  /** Oldest first, of each slot. */
  readonly lists = new Map<number, Known[]>();
  readonly ring: Ring;
  forgotten = 0;
  readonly taken: Candidate[] = [];
  /** Of those, the ones of which something was heard since. */
  readonly heardOf = new Set<Candidate>();
  readonly ends = new Map<Candidate, Known>();

  constructor(bytes: number) {
    this.ring = new Ring({ bytes, now: () => this.now });
    this.ring.adopt(this.rules);
  }

  get tick(): number {
    return Math.floor((this.now - 1000) / TICK_MS);
  }

  private admits(slot: number): boolean {
    return this.rules.some((rule) => rule.slot === slot && rule.evict);
  }

  list(slot: number): Known[] {
    const list = this.lists.get(slot) ?? [];
    this.lists.set(slot, list);
    return list;
  }

  remove(id: string): Known | undefined {
    for (const list of this.lists.values()) {
      const at = list.findIndex((each) => each.id === id);
      if (at >= 0) return list.splice(at, 1)[0];
    }
    return undefined;
  }

  /** Something was heard of the key, whatever its database. */
  heard(key: Buffer): void {
    for (const each of this.taken) if (key.equals(each.key)) this.heardOf.add(each);
  }

  write(key: Buffer, db: number, slot: number, size: number, lifetimeMs: number): void {
    const id = `${db}:${key.toString('latin1')}`;
    this.ring.written(slot, key, 0, key.length, hashKey(key, 0, key.length), db, size, lifetimeMs);
    const { tick } = this;
    const before = [...this.lists.values()].flat().find((each) => each.id === id);
    const same = before?.tick === tick && before.size === size && before.slot === slot;
    if (before !== undefined && same && lifetimeMs <= 0) return;
    const ends =
      lifetimeMs > 0 || before === undefined ? endsOf(tick, lifetimeMs) : endsAfter(before, tick, lifetimeMs);
    if (before !== undefined && same) {
      Object.assign(before, ends);
      return;
    }
    this.remove(id);
    if (!this.admits(slot)) {
      this.heard(key);
      return;
    }
    this.list(slot).push({ id, key, db, slot, tick, size, ...ends });
    this.settle();
  }

  /** What the ring dropped since must have been the oldest of some rule, and only for want of room. */
  settle(): void {
    const { fill } = this.ring;
    const dropped = fill.dropped - this.forgotten;
    this.forgotten = fill.dropped;
    let left = dropped;
    let unsure = 0;
    for (const list of this.lists.values()) {
      while (list.length > 0 && !this.ring.knows(list[0].db, list[0].key)) {
        // An expired one is not counted.
        if (list[0].hi > this.tick) left--;
        if (list[0].hi > this.tick && list[0].lo <= this.tick) unsure++;
        list.shift();
      }
      const lost = list.find(({ db, key }) => !this.ring.knows(db, key));
      if (lost !== undefined) throw new Error('a younger key was dropped');
    }
    if (left > 0 || left < -unsure) throw new Error(`${left} keys dropped that were not known`);
    if (dropped > 0 && fill.bytes + 3 * BLOCK < fill.capacityBytes - 2 * BLOCK)
      throw new Error('dropped though there was room');
  }

  del(key: Buffer, db: number): void {
    this.ring.ended(key, 0, key.length, hashKey(key, 0, key.length), db);
    this.remove(`${db}:${key.toString('latin1')}`);
    this.heard(key);
  }

  lives(key: Buffer, db: number, lifetimeMs: number): void {
    this.ring.lives(key, 0, key.length, hashKey(key, 0, key.length), db, lifetimeMs);
    const id = `${db}:${key.toString('latin1')}`;
    const known = [...this.lists.values()].flat().find((each) => each.id === id);
    if (known === undefined) return;
    const { lo, hi } = endsOf(this.tick, lifetimeMs);
    known.lo = lo;
    known.hi = hi + (this.tick - known.tick) * ROUNDED + 1;
  }

  expectedNext(observed: boolean, slot: number | undefined): Known | undefined {
    const evicting = this.rules.filter(
      (rule) => rule.evict && (slot === undefined ? rule.observe === observed : rule.slot === slot),
    );
    for (const priority of [0, 1, 2]) {
      let oldest: Known | undefined;
      for (const rule of evicting) {
        if (rule.priority !== priority) continue;
        const head = this.list(rule.slot)[0];
        if (head !== undefined && (oldest === undefined || head.tick < oldest.tick)) oldest = head;
      }
      if (oldest !== undefined) return oldest;
    }
    return undefined;
  }

  take(most: number, observed: boolean, slot?: number): void {
    const got = this.ring.take(most, Number.POSITIVE_INFINITY, observed, slot);
    for (const candidate of got) {
      const expected = this.expectedNext(observed, slot);
      if (expected === undefined) throw new Error('handed out a key that is not known');
      this.remove(expected.id);
      const { key, db } = candidate;
      if (Buffer.compare(key, expected.key) !== 0 || db !== expected.db) throw new Error('not the oldest');
      if (candidate.slot !== expected.slot) throw new Error('not as it was written');
      this.taken.push(candidate);
      this.ends.set(candidate, expected);
    }
    if (got.length < most && this.expectedNext(observed, slot) !== undefined) throw new Error('too few');
  }

  giveBack(at: number): void {
    const [candidate] = this.taken.splice(at % Math.max(1, this.taken.length), 1);
    if (candidate === undefined) return;
    const id = `${candidate.db}:${Buffer.from(candidate.key).toString('latin1')}`;
    const known = [...this.lists.values()].some((list) => list.some((each) => each.id === id));
    const current = !known && !this.heardOf.has(candidate);
    if (this.ring.isCurrent(candidate) !== current)
      throw new Error('current is that of which nothing was heard');
    this.ring.again(candidate);
    if (!current) return;
    const { key, db, slot } = candidate;
    const { size, lo, hi } = this.ends.get(candidate) as Known;
    // What may have expired is back or not.
    const back = this.ring.knows(db, key);
    if (back !== this.admits(slot) && !(lo <= this.tick && !back)) throw new Error('it did not come back');
    if (back && hi <= this.tick) throw new Error('an expired key came back');
    if (!back) return;
    const left = Math.max(this.tick, this.tick + (lo - this.tick) * (1 - ROUNDED) - 1);
    const ends = { lo: lo === NEVER ? NEVER : left, hi: Math.max(hi, this.tick + 1) };
    this.list(slot).push({ id, key: Buffer.from(key), db, slot, tick: this.tick, size, ...ends });
    this.settle();
  }

  reload(rules: readonly RuleLike[]): void {
    this.rules = rules;
    this.ring.adopt(rules);
    for (const each of this.taken) this.heardOf.add(each);
  }

  clear(): void {
    this.ring.clear();
    this.lists.clear();
    for (const each of this.taken) this.heardOf.add(each);
  }

  check(): void {
    let keys = 0;
    for (const list of this.lists.values()) keys += list.length;
    if (this.ring.fill.keys !== keys) throw new Error(`knows ${this.ring.fill.keys} keys, not ${keys}`);
    for (const { slot, keys: count, bytes, oldestMs } of this.ring.stock()) {
      const list = this.list(slot);
      // Ends of one octave are counted by its sixteenths.
      const least = list.filter(({ lo }) => lo > this.tick).length;
      const most = list.filter(
        ({ tick, lo, hi }) => hi + (hi - Math.min(tick, lo)) * ROUNDED + 1 > this.tick,
      ).length;
      if (count < least || count > most) throw new Error(`${count} are alive, not ${least} to ${most}`);
      if (list.length === 0 && bytes !== 0) throw new Error(`no key takes ${bytes} bytes`);
      const head = this.list(slot)[0];
      const age = head === undefined ? 0 : this.now - 1000 - head.tick * TICK_MS;
      if (oldestMs !== age) throw new Error(`the oldest is ${age} ms old, not ${oldestMs}`);
    }
    if (this.ring.fill.bytes > this.ring.fill.capacityBytes) throw new Error('over its bound');
  }
}

/** Some that take one block, two and more; few enough that they are written again. */
const key = fc
  .tuple(fc.integer({ min: 10, max: 25 }), fc.constantFrom(2, 2, 2, 32, 33, 92, 93, 200))
  .map(([number, length]) => Buffer.from(String(number).padEnd(length, 'x')));
const db = fc.constantFrom(0, 0, 0, 3);
const slot = fc.constantFrom(1, 2, 2, 5, 5, 7, 8);
const size = fc.constantFrom(3, 5, 127);
type Step = (model: Model) => void;

const lifetime = fc.constantFrom(0, 0, NEVER, 50, 1000, -1000, 7000, -60_000, 60_000);
const write: fc.Arbitrary<Step> = fc
  .tuple(key, db, slot, size, lifetime)
  .map((args) => (m) => m.write(...args));
const lives: fc.Arbitrary<Step> = fc
  .tuple(key, db, fc.constantFrom(NEVER, 100, 3000, 90_000))
  .map((args) => (m) => m.lives(...args));
/** Some keys expire. */
const sleep: fc.Arbitrary<Step> = fc.integer({ min: 1000, max: 20_000 }).map((ms) => (m) => {
  m.now += ms;
});
const del: fc.Arbitrary<Step> = fc.tuple(key, db).map((args) => (m) => m.del(...args));
const wait: fc.Arbitrary<Step> = fc.integer({ min: 1, max: 2 * TICK_MS }).map((ms) => (m) => {
  m.now += ms;
});
const take: fc.Arbitrary<Step> = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.boolean())
  .map((args) => (m) => m.take(...args));
const takeOf: fc.Arbitrary<Step> = fc.constantFrom(1, 2, 5, 7, 8).map((of) => (m) => m.take(1, false, of));
const giveBack: fc.Arbitrary<Step> = fc.nat(20).map((at) => (m) => m.giveBack(at));
const clear: fc.Arbitrary<Step> = fc.constant((m) => m.clear());
const reload: fc.Arbitrary<Step> = fc
  .subarray([...RULES] as RuleLike[], { minLength: 1 })
  .map((rules) => (m) => m.reload(rules));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: write },
  { weight: 12, arbitrary: del },
  { weight: 18, arbitrary: wait },
  { weight: 5, arbitrary: lives },
  { weight: 2, arbitrary: sleep },
  { weight: 9, arbitrary: take },
  { weight: 3, arbitrary: takeOf },
  { weight: 9, arbitrary: giveBack },
  { weight: 1, arbitrary: clear },
  { weight: 1, arbitrary: reload },
);

t.test('the ring knows the same keys as a plain list after any operations', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SIZES),
      fc.array(step, { minLength: 50, maxLength: 300, size: 'max' }),
      (bytes, steps) => {
        const model = new Model(bytes);
        for (const each of steps) {
          each(model);
          model.check();
        }
        model.take(1000, false);
        model.take(1000, true);
        model.check();
      },
    ),
    { numRuns: 150 },
  );
  t.pass();
});

t.test('the ring does not hand out keys whose rule has changed', async (t) => {
  let now = 0;
  const ring = new Ring({ bytes: 64 * 1024, now: () => now });
  ring.adopt(RULES);
  const put = (text: string): void => {
    const key = Buffer.from(text);
    ring.written(2, key, 0, key.length, hashKey(key, 0, key.length), 0, 3, 0);
  };
  put('cache:1');
  put('cache:lock');
  now += TICK_MS;
  ring.adopt(RULES, (key) => (Buffer.from(key).toString().endsWith('lock') ? 0 : 2));
  now += TICK_MS;
  put('cache:2');
  const keys = ring.take(10, Number.POSITIVE_INFINITY).map(({ key }) => Buffer.from(key).toString());
  t.same(keys, ['cache:1', 'cache:2']);
});

t.test(
  'with more rules than are compared at a time, all keys come out, the oldest among the first',
  async (t) => {
    let now = 0;
    const ring = new Ring({ bytes: 1024 * 1024, now: () => now });
    const rules = Array.from(
      { length: 300 },
      (_, slot) => ({ slot, priority: 0, evict: true, observe: false }) as const,
    );
    ring.adopt(rules);
    for (let i = 0; i < 3000; i++) {
      const key = Buffer.from(`key:${i}`);
      ring.written((i * 7) % 300, key, 0, key.length, hashKey(key, 0, key.length), 0, 3, 0);
      now += TICK_MS;
    }
    const keys: number[] = [];
    for (;;) {
      const taken = ring.take(64, Number.POSITIVE_INFINITY);
      if (taken.length === 0) break;
      keys.push(...taken.map(({ key }) => Number(Buffer.from(key).toString().slice(4))));
    }
    t.equal(new Set(keys).size, 3000);
    const out = keys.map((key, place) => Math.abs(key - place));
    t.ok(Math.max(...out) < 1500, `out of order by at most ${Math.max(...out)}`);
  },
);

t.test('the ring counts keys and databases that it cannot keep, and stays bounded', async (t) => {
  const ring = new Ring({ bytes: 2048, now: () => 0 });
  ring.adopt(RULES);
  const long = Buffer.alloc(5000, 'k');
  ring.written(2, long, 0, long.length, hashKey(long, 0, long.length), 0, 3, 0);
  const short = Buffer.from('k');
  ring.written(2, short, 0, 1, hashKey(short, 0, 1), 70_000, 3, 0);
  ring.written(2, short, 0, 1, hashKey(short, 0, 1), -1, 3, 0);
  t.match(ring.fill, { keys: 0, dropped: 2 });
});

t.test('the size class gives the memory of a string; for other keys the ring learns it', async (t) => {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(RULES);
  const bytesOf = (): number => ring.stock().find(({ slot }) => slot === 2)?.bytes ?? 0;
  const put = (text: string, size: number): void => {
    const key = Buffer.from(text);
    ring.written(2, key, 0, key.length, hashKey(key, 0, key.length), 0, size, 0);
  };
  put('cache:1234567890', sizeClassOf(490));
  // Measured, with its TTL: 640 bytes.
  t.ok(Math.abs(bytesOf() - 640) < 64, `${bytesOf()}`);
  const before = bytesOf();
  for (let i = 0; i < 10; i++) put(`hash:${i}`, SizeClass.OTHER);
  for (let i = 0; i < 1000; i++) ring.learn(2, 10_000);
  t.ok(Math.abs(bytesOf() - before - 100_000) < 1000, `${bytesOf()}`);
});
