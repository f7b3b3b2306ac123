// What keys hold in all, estimated from random ones, against populations whose sum is known.
import fc from 'fast-check';
import t from 'tap';
import { allot } from '../../../src/memory/sampling/allot.js';
import { SampleWindow } from '../../../src/memory/sampling/sample-window.js';
import { lognormal, seeded } from '../../support/random.js';

/** What a key holds beside what MEMORY USAGE says. */
const UNCOUNTED = 32;

interface Key {
  readonly bytes: number;
  readonly ttlMs: number;
}

const held = (keys: readonly Key[]) =>
  keys.filter(({ ttlMs }) => ttlMs >= 0).reduce((sum, { bytes }) => sum + bytes + UNCOUNTED, 0);
const expiring = (keys: readonly Key[]) => keys.filter(({ ttlMs }) => ttlMs >= 0).length;

/** The window after `samples` random keys of these, within `overMs`. */
function sampled(keys: readonly Key[], samples: number, random: () => number, overMs = 19_000) {
  const window = new SampleWindow();
  for (let i = 0; i < samples; i++) {
    const { bytes, ttlMs } = keys[Math.floor(random() * keys.length)];
    window.add(bytes, ttlMs, (i * overMs) / samples);
  }
  return window;
}

/** By how much the estimate is off, as a share of the truth, in the worst of 95% of `runs` runs. */
function off(population: (random: () => number) => Key[], runs = 60): number {
  const errors = Array.from({ length: runs }, (_, run) => {
    const random = seeded(run + 1);
    const keys = population(random);
    const all = keys.reduce((sum, { bytes }) => sum + bytes + UNCOUNTED, 0);
    const estimate = sampled(keys, 800, random).estimate('expiring', expiring(keys), all, 20_000);
    return Math.abs((estimate?.bytes ?? Number.POSITIVE_INFINITY) / held(keys) - 1);
  });
  return errors.sort((a, b) => a - b)[Math.floor(runs * 0.95)];
}

const caches = (random: () => number, sigma: number, count = 20_000): Key[] =>
  Array.from({ length: count }, () => ({ bytes: 100 + lognormal(random, sigma), ttlMs: 60_000 }));

t.test('equal sizes: within 10%; lognormal ones (sigma 1.5): within 25%', async (t) => {
  t.ok(off((random) => caches(random, 0)) < 0.01);
  t.ok(off((random) => caches(random, 1.5)) < 0.25);
  const mixed = (random: () => number) => [
    ...caches(random, 1),
    ...Array.from({ length: 10_000 }, () => ({ bytes: 500, ttlMs: -1 })),
  ];
  t.ok(off(mixed) < 0.25, 'beside durable keys');
});

t.test(
  'keys of one size: the error holds what every key may be off by, and no number of samples hides it',
  async (t) => {
    for (const uncounted of [24, 32]) {
      for (const samples of [50, 500, 4000]) {
        const window = new SampleWindow();
        for (let i = 0; i < samples; i++) window.add(176, 60_000, 0);
        const truth = 1e6 * (176 + uncounted);
        const { bytes = 0, errorBytes = 0 } = window.estimate('expiring', 1e6, 1e9, 0) ?? {};
        t.ok(Math.abs(bytes - truth) <= errorBytes, `${uncounted} bytes uncounted, ${samples} samples`);
        t.ok(errorBytes < 0.06 * bytes, 'and it says something');
      }
    }
  },
);

t.test('a durable key of half of the memory changes nothing', async (t) => {
  const giant = { bytes: 20_000 * 432, ttlMs: -1 };
  t.ok(off((random) => [...caches(random, 0), giant]) < 0.01);
});

t.test(
  'a key with a TTL that holds half of the memory never makes the estimate more than a tenth too high',
  async (t) => {
    const keys = [...caches(seeded(1), 0), { bytes: 20_000 * 432, ttlMs: 60_000 }];
    const all = held(keys);
    const without = sampled(keys.slice(0, -1), 400, seeded(2));
    const small = without.estimate('expiring', keys.length, all, 20_000)?.bytes ?? 0;
    t.ok(small < all, 'while it was not seen, it counts as durable');
    without.add(keys.at(-1)?.bytes, 60_000, 19_500);
    const seen = without.estimate('expiring', keys.length, all, 20_000)?.bytes ?? 0;
    t.ok(seen > small && seen < all * 1.1);
  },
);

t.test('no keys hold nothing; few samples say nothing; nor do old ones', async (t) => {
  const window = new SampleWindow();
  t.same(window.estimate('expiring', 0, 1e6, 0), { bytes: 0, errorBytes: 0, samples: 0 });
  t.equal(window.estimate('expiring', 100, 1e6, 0), undefined);
  for (let i = 0; i < 100; i++) window.add(100, -1, 0);
  t.equal(window.estimate('expiring', 100, 1e6, 0), undefined, 'all of them are durable');
  t.equal(window.estimate('all', 100, 1e6, 0)?.samples, 100);
  t.equal(window.estimate('all', 100, 1e6, 25_000)?.samples, 64, 'so many of the old ones');
  t.equal(window.estimate('all', 100, 1e6, 121_000), undefined);
  for (let i = 0; i < 70; i++) window.add(1000, -1, 25_000);
  t.equal(window.estimate('all', 100, 1e9, 25_000)?.samples, 70, 'twenty seconds are enough');
  window.clear();
  t.equal(window.estimate('all', 100, 1e6, 25_000), undefined);
});

t.test('a figure that is none is no sample', async (t) => {
  const window = new SampleWindow();
  for (const bytes of [-1, 0, Number.NaN, 1.5, 2 ** 60, null, undefined, '12', Number.POSITIVE_INFINITY]) {
    t.notOk(window.add(bytes, 5, 0), `bytes ${bytes}`);
  }
  for (const ttlMs of [-2, -3, Number.NaN, 0.5, null, undefined, '12']) {
    t.notOk(window.add(5, ttlMs, 0), `TTL ${ttlMs}`);
  }
  t.equal(window.estimate('all', 100, 1e6, 0), undefined);
});

t.test('an estimate is between 0 and used memory, and no sample counts for more than its bound', async () => {
  const size = fc.integer({ min: 1, max: 2 ** 40 });
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 8, maxLength: 50 }),
      fc.nat(1e9),
      fc.nat(2 ** 41),
      size,
      (sizes, keys, used, more) => {
        const window = new SampleWindow();
        for (const bytes of sizes) window.add(bytes, 1, 0);
        const before = window.estimate('expiring', keys, used, 0);
        window.add(more, 1, 0);
        const after = window.estimate('expiring', keys, used, 0);
        if (before === undefined || after === undefined) return false;
        const bound = Math.max(0.1 * used, more + UNCOUNTED) + 1;
        return (
          before.bytes >= 0 &&
          after.bytes <= used &&
          after.errorBytes >= 0 &&
          after.bytes <= before.bytes + bound
        );
      },
    ),
  );
});

t.test('each key is equally likely to be sampled, in every database', async (t) => {
  const random = seeded(7);
  const databases = [
    { db: 0, keys: 1_000_000, expires: 0 },
    { db: 1, keys: 3, expires: 0 },
    ...Array.from({ length: 8 }, (_, i) => ({ db: i + 2, keys: 50_000 * (i + 1), expires: 0 })),
  ];
  const keys = databases.reduce((sum, database) => sum + database.keys, 0);
  const taken = new Map<number, number>();
  const rounds = 20_000;
  for (let round = 0; round < rounds; round++) {
    const allotments = allot(databases, 20, random());
    const sum = allotments.reduce((total, { samples }) => total + samples, 0);
    if (sum !== 20) t.equal(sum, 20);
    for (const { db, samples } of allotments) taken.set(db, (taken.get(db) ?? 0) + samples);
  }
  for (const { db, keys: own } of databases) {
    const expected = (rounds * 20 * own) / keys;
    const got = taken.get(db) ?? 0;
    t.ok(Math.abs(got - expected) < 5 * Math.sqrt(expected) + 2, `${db}: ${got}, not ${expected}`);
  }
  t.same(allot([], 20, 0.5), []);
  t.same(allot([{ db: 3, keys: 0, expires: 0 }], 20, 0.5), []);
  t.same(allot([{ db: 3, keys: 1, expires: 0 }], 20, 0.99), [{ db: 3, samples: 20 }]);
});

t.test('ten databases that differ in everything: within 10%', async (t) => {
  const random = seeded(3);
  const databases = Array.from({ length: 10 }, (_, db) => ({
    ...{ db, keys: 500 * (db + 1) ** 2, expires: 0 },
    key: { bytes: 200 * (10 - db), ttlMs: db % 2 === 0 ? 5000 : -1 },
  }));
  const window = new SampleWindow();
  for (let round = 0; round < 40; round++) {
    for (const { db, samples } of allot(databases, 20, random())) {
      for (let i = 0; i < samples; i++)
        window.add(databases[db].key.bytes, databases[db].key.ttlMs, round * 500);
    }
  }
  const those = databases.filter(({ key }) => key.ttlMs >= 0);
  const truth = those.reduce((sum, { keys, key }) => sum + keys * (key.bytes + UNCOUNTED), 0);
  const count = those.reduce((sum, { keys }) => sum + keys, 0);
  const estimate = window.estimate('expiring', count, 1e9, 20_000);
  t.ok(Math.abs((estimate?.bytes ?? 0) / truth - 1) < 0.1, `${estimate?.bytes} for ${truth}`);
});
