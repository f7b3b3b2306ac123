// KeySample beside a plain model of it: a map of keys whose sums are added up anew after each step, at exactly the times at
// which something becomes due. What the estimate is worth is judged in policy-key-sample.test.ts; here, that each step does
// what the head of the file says and nothing else, and that its owner hears of each change.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { Lifetime } from '../../../src/core/policy/held-keys.js';
import { type DueKey, KeySample, mixed } from '../../../src/core/policy/key-sample.js';
import { MemoryRatio } from '../../../src/core/policy/memory-ratio.js';
import { ENTRY_BYTES, stringMemory } from '../../../src/core/policy/string-memory.js';

const [SETTLED_MS, BUSY_MS, STALE_MS] = [200, 1000, 10_000];
const MOST = 8;
const SPACE = 2 ** 32;
/** Only seen from 20 keys on does a sample of 8 halve again and again. */
const NAMES = Array.from({ length: 24 }, (_, i) => `key:${'x'.repeat(i % 3)}${i}`);

interface Entry {
  readonly at: number;
  size: number;
  end: number;
  touched: number;
  /** 0: never. */
  measured: number;
  base: number;
  added: number;
  isLarge: boolean;
  isDirty: boolean;
}

class Model {
  readonly entries = new Map<string, Entry>();
  now = 0;
  limit = SPACE;
  joining = SPACE;
  largeBytes = Number.POSITIVE_INFINITY;
  private credit = 0;
  private readonly values = new MemoryRatio();
  private readonly growth = new MemoryRatio();

  get held(): number {
    let sum = 0;
    for (const { at, size, isLarge } of this.entries.values())
      sum += isLarge ? size : at < this.limit ? size * (SPACE / this.limit) : 0;
    return sum;
  }

  get unmeasured(): number {
    return [...this.entries.values()].filter(({ measured }) => measured === 0).length;
  }

  get due(): string[] {
    for (const [name, { end }] of this.entries) if (end <= this.now) this.entries.delete(name);
    return [...this.entries].filter(([, entry]) => this.isDue(entry)).map(([name]) => name);
  }

  replaced(name: string, bytes: number, lifetime: number): void {
    const entry = this.touch(name, ENTRY_BYTES + name.length + bytes);
    if (entry === undefined) return;
    this.live(entry, lifetime, false);
    entry.base = stringMemory(name.length, bytes);
    entry.added = 0;
    entry.size = entry.base * this.values.value;
  }

  grown(name: string, bytes: number, lifetime: number): void {
    const entry = this.touch(name, bytes);
    if (entry === undefined) return;
    this.live(entry, lifetime, lifetime < 0);
    if (entry.measured === 0 && entry.added === 0 && entry.base === 0) {
      entry.base = ENTRY_BYTES + name.length;
      entry.size = entry.base;
    }
    entry.added += bytes;
    entry.size += bytes * this.growth.value;
  }

  changed(name: string, lifetime: number): void {
    const entry = this.touch(name, 0);
    if (entry !== undefined) this.live(entry, lifetime, lifetime < 0);
  }

  lives(name: string, lifetime: number): void {
    const entry = this.entries.get(name);
    if (entry !== undefined) this.live(entry, lifetime, lifetime < 0);
  }

  clear(): void {
    this.entries.clear();
    this.limit = SPACE;
    this.joining = SPACE;
  }

  found(name: string): void {
    if (placeOf(name) >= this.joining || this.entries.has(name)) return;
    const entry = this.insert(name);
    if (entry !== undefined) entry.touched = this.now - BUSY_MS;
  }

  beginWalk(): void {
    this.joining = this.entries.size < MOST / 4 ? Math.min(SPACE, this.limit * 2) : this.limit;
  }

  endWalk(): void {
    this.limit = this.joining;
  }

  measured(name: string, askedAt: number, bytes: number, lifetime: number): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    const settled = entry.touched <= askedAt - SETTLED_MS;
    if (bytes < 0) {
      if (entry.touched <= askedAt - BUSY_MS || (settled && entry.measured > 0)) this.entries.delete(name);
      else entry.measured = Math.max(entry.measured, 1);
      return;
    }
    const { base, added } = entry;
    if (added > 0) {
      if (base > 0) this.growth.learn(Math.max(0, bytes - base), added, 0);
    } else if (base > 0 && (entry.measured === 0 || entry.isDirty)) this.values.learn(bytes, base, 0.1);
    entry.isLarge = bytes >= this.largeBytes;
    if (!entry.isLarge && entry.at >= this.joining) this.entries.delete(name);
    entry.size = bytes;
    entry.base = bytes;
    entry.added = 0;
    entry.end = this.now + lifetime;
    entry.measured = Math.max(1, this.now);
    if (settled) entry.isDirty = false;
  }

  private isDue({ measured, isDirty, touched }: Entry): boolean {
    if (measured > 0 && !isDirty) return this.now - measured >= STALE_MS;
    return this.now - touched >= SETTLED_MS || this.now - measured >= BUSY_MS;
  }

  private touch(name: string, bytes: number): Entry | undefined {
    const known = this.entries.get(name);
    const isInside = placeOf(name) < this.joining;
    const hasLarge = [...this.entries.values()].some(({ isLarge }) => isLarge);
    // A key outside the sample is looked for where there are large ones, and examined if it may be one.
    if (!isInside && !(hasLarge && known !== undefined) && !this.mayBeLarge(bytes)) return undefined;
    const entry = known ?? this.insert(name);
    if (entry === undefined) return undefined;
    entry.touched = this.now;
    entry.isDirty = true;
    return entry;
  }

  private mayBeLarge(bytes: number): boolean {
    if (bytes >= this.largeBytes) return true;
    this.credit -= bytes;
    if (this.credit > 0 || this.largeBytes === Number.POSITIVE_INFINITY) return false;
    this.credit = this.largeBytes;
    return true;
  }

  private live(entry: Entry, lifetime: number, ifNone: boolean): void {
    if (lifetime === Lifetime.KEPT || (ifNone && entry.end !== Number.POSITIVE_INFINITY)) return;
    entry.end = this.now + Math.abs(lifetime);
  }

  private insert(name: string): Entry | undefined {
    const at = placeOf(name);
    while (this.entries.size === MOST && this.limit > 1) {
      this.limit /= 2;
      this.joining = this.limit;
      for (const [other, entry] of this.entries)
        if (!entry.isLarge && entry.at >= this.limit) this.entries.delete(other);
      if (at >= this.joining) return undefined;
    }
    const none = { size: 0, end: Number.POSITIVE_INFINITY, touched: 0, measured: 0, base: 0, added: 0 };
    const entry = { at, ...none, isLarge: false, isDirty: true };
    this.entries.set(name, entry);
    return entry;
  }
}

function placeOf(name: string): number {
  return mixed(hashKey(Buffer.from(name), 0, name.length));
}

/** The sample, the model, and what the sample's owner has heard. */
class Pair {
  readonly model = new Model();
  heard = 0;
  readonly sample = new KeySample(MOST, (held) => {
    this.heard = held;
  });
  /** Asked for, not answered yet. */
  asked: DueKey[] = [];

  tell(name: string, how: (key: Buffer, end: number, hash: number) => void): void {
    const key = Buffer.from(`<${name}>`);
    how(key, key.length - 1, hashKey(key, 1, key.length - 1));
  }

  check(): void {
    const { sample, model } = this;
    const near = Math.abs(sample.held - model.held) <= 1e-6 * (1 + model.held);
    if (!near) throw new Error(`holds ${sample.held}, not ${model.held}`);
    if (this.heard !== sample.held) throw new Error(`its owner heard of ${this.heard}, not ${sample.held}`);
    const of = [sample.size, sample.fraction, sample.unmeasured, sample.scope.below, sample.scope.largeBytes];
    const expected = [
      ...[model.entries.size, model.limit / SPACE, model.unmeasured],
      ...[model.joining, model.largeBytes],
    ];
    if (String(of) !== String(expected)) throw new Error(`${of}, not ${expected}`);
  }
}

type Act = (pair: Pair) => void;
const name = fc.constantFrom(...NAMES);
const lifetime = fc.constantFrom(Lifetime.NONE, Lifetime.KEPT, 200, 1000, 1001, 60_000, -500, -60_000);
const bytes = fc.oneof(fc.nat(300), fc.constantFrom(0, 1, 999, 1000, 1001, 5000));
const act: fc.Arbitrary<Act> = fc.oneof(
  ...[4, 4].map((weight, kind) => ({
    weight,
    arbitrary: fc.tuple(name, bytes, lifetime).map(
      ([n, size, life]): Act =>
        ({ model, sample, tell }) => {
          const [write] = [kind === 0 ? ('replaced' as const) : ('grown' as const)];
          tell(n, (key, end, hash) => sample[write](key, 1, end, hash, size, life));
          model[write](n, size, life);
        },
    ),
  })),
  {
    weight: 1,
    arbitrary: fc.tuple(name, lifetime).map(
      ([n, life]): Act =>
        ({ model, sample, tell }) => {
          tell(n, (key, end, hash) => sample.changed(key, 1, end, hash, life));
          model.changed(n, life);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, lifetime).map(
      ([n, life]): Act =>
        ({ model, sample, tell }) => {
          tell(n, (key, end, hash) => sample.lives(key, 1, end, hash, life));
          model.lives(n, life);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: name.map(
      (n): Act =>
        ({ model, sample, tell }) => {
          tell(n, (key, end, hash) => sample.ended(key, 1, end, hash));
          model.entries.delete(n);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 100_000, 99_900).map(
      (budget): Act =>
        ({ model, sample }) => {
          sample.budgetBytes = budget;
          model.largeBytes = budget > 0 ? budget / 100 : Number.POSITIVE_INFINITY;
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.array(name, { maxLength: 12 }).map(
      (names): Act =>
        (pair) => {
          const { model, sample } = pair;
          sample.beginWalk();
          model.beginWalk();
          pair.check();
          for (const n of names) {
            sample.found(Buffer.from(n), hashKey(Buffer.from(n), 0, n.length));
            model.found(n);
            pair.check();
          }
          sample.endWalk();
          model.endWalk();
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(1, 199, 200, 201, 800, 999, 1000, 1001, 9999, 10_000).map(
      (ms): Act =>
        (pair) => {
          pair.model.now += ms;
          pair.sample.now = pair.model.now;
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constant<Act>((pair) => {
      const asked: DueKey[] = [];
      pair.sample.look(asked, MOST);
      const due = pair.model.due.sort();
      const names = asked.map(({ key }) => Buffer.from(key).toString()).sort();
      if (String(names) !== String(due)) throw new Error(`${names} are due, not ${due}`);
      if (asked.some(({ askedAt }) => askedAt !== pair.model.now)) throw new Error('asked at another time');
      pair.asked = asked;
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(MOST), fc.oneof(bytes, fc.constant(-1)), fc.constantFrom(Lifetime.NONE, 1000, 60_000))
      .map(
        ([which, size, life]): Act =>
          ({ model, sample, asked }) => {
            const due = asked[which];
            if (due === undefined) return;
            sample.measured(due, size, life);
            model.measured(Buffer.from(due.key).toString(), due.askedAt, size, life);
          },
      ),
  },
);

t.test('each step does to the sample what it does to the model', async () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 150, size: 'max' }), (acts) => {
      const pair = new Pair();
      for (const each of acts) {
        each(pair);
        pair.check();
      }
    }),
    { numRuns: 300 },
  );
});

t.test('all keys are gone: the sample begins anew, and counts how often', async (t) => {
  const { sample } = new Pair();
  let heard = Number.NaN;
  const told = new KeySample(MOST, (held) => {
    heard = held;
  });
  for (const each of [sample, told]) {
    for (const n of NAMES) {
      const key = Buffer.from(n);
      each.replaced(key, 0, key.length, hashKey(key, 0, key.length), 100, Lifetime.NONE);
    }
    each.clear();
    t.match(each, { held: 0, size: 0, fraction: 1, clears: 1, gaps: 0 });
    t.equal(each.scope.below, SPACE);
    each.clear();
    t.equal(each.clears, 2);
  }
  t.equal(heard, 0);
});

t.test('where few keys may be asked about at once, each has its turn', async (t) => {
  const sample = new KeySample(MOST);
  const names = NAMES.slice(0, 6);
  for (const n of names) {
    const key = Buffer.from(n);
    sample.replaced(key, 0, key.length, hashKey(key, 0, key.length), 100, Lifetime.NONE);
  }
  sample.now = SETTLED_MS;
  const asked: string[] = [];
  for (let i = 0; i < 4; i++) {
    const due: DueKey[] = [];
    sample.look(due, 2);
    t.equal(due.length, 2);
    asked.push(...due.map(({ key }) => Buffer.from(key).toString()));
  }
  t.same(asked.slice(0, 6).sort(), [...names].sort());
  t.same(asked.slice(6), asked.slice(0, 2));
  const none: DueKey[] = [];
  sample.look(none, 0);
  t.equal(none.length, 0);
});

t.test('the ratio of memory to bytes is that of the keys that were measured lately', async () => {
  // More than are kept twice over; a few of them take far more memory than their bytes.
  const key = fc.record({
    bytes: fc.integer({ min: 1, max: 5000 }),
    times: fc.constantFrom(0.5, 1, 1.2, 3, 40),
  });
  fc.assert(
    fc.property(
      fc.array(key, { minLength: 300, maxLength: 900, size: 'max' }),
      fc.constantFrom(0, 1),
      (all, least) => {
        const ratio = new MemoryRatio();
        let kept: { memory: number; bytes: number; weight: number }[] = [];
        const sum = (of: (each: (typeof kept)[number]) => number): number =>
          kept.reduce((total, each) => total + each.weight * of(each), 0);
        for (const { bytes, times } of all) {
          ratio.learn(bytes * times, bytes, least);
          kept.push({ memory: bytes * Math.min(times, 5), bytes, weight: 1 });
          if (sum(() => 1) >= 256) kept = kept.map((each) => ({ ...each, weight: each.weight / 2 }));
        }
        const expected = Math.max(least, sum(({ memory }) => memory) / sum(({ bytes }) => bytes));
        if (Math.abs(ratio.value - expected) > 1e-9 * expected)
          throw new Error(`${ratio.value}, not ${expected}`);
      },
    ),
    { numRuns: 10 },
  );
});
