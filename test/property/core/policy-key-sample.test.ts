// Estimates of what keys hold, against a server that is known: exact where all keys fit, within 10% where a sample stands for
// them, whatever a byte written comes to there.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { Lifetime } from '../../../src/core/policy/held-keys.js';
import { type DueKey, KeySample } from '../../../src/core/policy/key-sample.js';

/** A server on which a byte takes `factor` bytes, and the proxy's view of it. */
class World {
  readonly values = new Map<string, { bytes: number; end: number }>();
  readonly sample: KeySample;
  now = 0;

  constructor(
    most: number,
    readonly factor = 1.3,
  ) {
    this.sample = new KeySample(most);
  }

  set(name: string, bytes: number, lifetime: number = Lifetime.NONE): void {
    const kept = lifetime === Lifetime.KEPT ? this.values.get(name)?.end : undefined;
    this.values.set(name, { bytes, end: kept ?? this.now + lifetime });
    this.tell(name, (key, hash) => this.sample.replaced(key, 0, key.length, hash, bytes, lifetime));
  }

  /** `stays`: how much of the bytes the value grows by. */
  add(name: string, bytes: number, stays = bytes): void {
    const before = this.values.get(name);
    this.values.set(name, { bytes: (before?.bytes ?? 0) + stays, end: before?.end ?? Lifetime.NONE });
    this.tell(name, (key, hash) => this.sample.grown(key, 0, key.length, hash, bytes, Lifetime.KEPT));
  }

  delete(name: string): void {
    this.values.delete(name);
    this.tell(name, (key, hash) => this.sample.ended(key, 0, key.length, hash));
  }

  expire(name: string, lifetime: number): void {
    const value = this.values.get(name);
    if (value !== undefined) value.end = this.now + lifetime;
    this.tell(name, (key, hash) => this.sample.lives(key, 0, key.length, hash, lifetime));
  }

  /** Time passes, and what is due is measured. */
  pass(ms: number, most = Number.POSITIVE_INFINITY): void {
    this.now += ms;
    for (const [name, { end }] of this.values) if (end <= this.now) this.values.delete(name);
    this.sample.now = this.now;
    const due: DueKey[] = [];
    this.sample.look(due, most);
    for (const each of due) {
      const value = this.values.get(Buffer.from(each.key).toString());
      if (value === undefined) this.sample.measured(each, -1, 0);
      else this.sample.measured(each, this.memoryOf(value.bytes), value.end - this.now);
    }
  }

  get held(): number {
    let sum = 0;
    for (const { bytes } of this.values.values()) sum += this.memoryOf(bytes);
    return sum;
  }

  /** By how much the estimate is wrong. */
  get error(): number {
    return Math.abs(this.sample.held - this.held) / this.held;
  }

  private memoryOf(bytes: number): number {
    return 60 + Math.round(this.factor * bytes);
  }

  private tell(name: string, how: (key: Buffer, hash: number) => void): void {
    const key = Buffer.from(name);
    how(key, hashKey(key, 0, key.length));
  }
}

t.test('as long as all keys fit, the estimate is exact once they have been measured', async () => {
  const name = fc.integer({ min: 0, max: 40 }).map((n) => `key:${n}`);
  const lifetime = fc.constantFrom(Lifetime.NONE, Lifetime.KEPT, 500, 5000, 60_000);
  const act = fc.oneof(
    fc
      .record({ name, bytes: fc.nat(5000), lifetime })
      .map((s) => (w: World) => w.set(s.name, s.bytes, s.lifetime)),
    fc
      .record({ name, bytes: fc.nat(500), stays: fc.nat(500) })
      .map((s) => (w: World) => w.add(s.name, s.bytes, s.stays)),
    name.map((n) => (w: World) => w.delete(n)),
    fc
      .record({ name, ms: fc.integer({ min: 1, max: 3000 }) })
      .map((s) => (w: World) => w.expire(s.name, s.ms)),
    fc.nat(400).map((ms) => (w: World) => w.pass(ms, 5)),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200, size: 'max' }), (acts) => {
      const world = new World(64);
      for (const each of acts) each(world);
      // Twice: what was written just now is only then settled.
      for (let i = 0; i < 3; i++) world.pass(1001);
      return Math.abs(world.sample.held - world.held) < 1e-6 * (1 + world.held);
    }),
    { numRuns: 200 },
  );
});

const MOST = 2048;

t.test('a sample stands for many keys within 10%, also for those that were never measured', async (t) => {
  const world = new World(MOST, 1.7);
  for (let i = 0; i < 20_000; i++) {
    world.set(`session:${i}`, 100 + ((i * 7919) % 900));
    if (i % 100 === 0) world.pass(20, 20);
  }
  t.ok(world.sample.fraction <= 1 / 8);
  t.ok(world.sample.size <= MOST && world.sample.size >= MOST / 4);
  t.ok(world.error < 0.1, `${world.error}`);
  for (let i = 0; i < 20_000; i += 3) world.delete(`session:${i}`);
  for (let i = 1; i < 20_000; i += 3) world.set(`session:${i}`, 50, 30_000);
  t.ok(world.error < 0.1, `${world.error}`);
  world.pass(30_001, 0);
  t.ok(world.error < 0.1, 'and keys end by themselves');
});

t.test('fields that are written again and again are not taken for growth for long', async (t) => {
  const world = new World(MOST);
  for (let i = 0; i < 100; i++) world.add(`hash:${i}`, 1000);
  for (let round = 0; round < 20; round++) {
    world.pass(250, 20);
    for (let i = 0; i < 100; i++) world.add(`hash:${i}`, 1000, 0);
  }
  t.ok(world.error < 0.15, `${world.error}`);
});

t.test('a large key beside a sample counts by itself, however it came about', async (t) => {
  const world = new World(256);
  world.sample.budgetBytes = 5_000_000;
  for (let i = 0; i < 2000; i++) world.set(`small:${i}`, 500);
  for (let i = 0; i < 2000; i++) {
    world.add('large:0', 1000);
    if (i % 20 === 0) world.pass(250, 256);
  }
  for (let i = 0; i < 40; i++) world.pass(300);
  t.ok(world.error < 0.2, `${world.error}`);
  world.delete('large:0');
  t.ok(world.error < 0.2, 'and is gone when it is deleted');
});

t.test('a sample that has become small takes in more with the next walk', async (t) => {
  const world = new World(256);
  for (let i = 0; i < 3000; i++) world.set(`key:${i}`, 100);
  for (let i = 0; i < 2900; i++) world.delete(`key:${i}`);
  for (let walk = 0; walk < 5; walk++) {
    world.sample.beginWalk();
    for (const name of world.values.keys()) {
      const key = Buffer.from(name);
      world.sample.found(key, hashKey(key, 0, key.length));
    }
    world.pass(1001);
    world.sample.endWalk();
  }
  t.equal(world.sample.fraction, 1);
  t.ok(world.error < 1e-6, `${world.error}`);
});

t.test('a write that has not arrived yet is not taken for a key that is gone', async (t) => {
  const world = new World(64);
  world.pass(10_000);
  world.set('a', 100);
  world.values.clear();
  world.pass(250);
  t.ok(world.sample.held > 0);
  world.pass(2000);
  t.equal(world.sample.held, 0);
});

t.test('after all was deleted all keys count again', async (t) => {
  const world = new World(64);
  for (let i = 0; i < 1000; i++) world.set(`key:${i}`, 100);
  world.sample.clear();
  t.same([world.sample.held, world.sample.fraction, world.sample.size], [0, 1, 0]);
});

t.test('a sample that is not small takes in no more with the next walk', async (t) => {
  const world = new World(256);
  for (let i = 0; i < 3000; i++) world.set(`key:${i}`, 100);
  const { fraction, size } = world.sample;
  t.ok(size >= 256 / 4, `${size} keys`);
  world.sample.beginWalk();
  for (const name of world.values.keys()) {
    const key = Buffer.from(name);
    world.sample.found(key, hashKey(key, 0, key.length));
  }
  world.sample.endWalk();
  t.same([world.sample.fraction, world.sample.size], [fraction, size]);
});
