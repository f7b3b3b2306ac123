// The three sketches against exact answers: HyperLogLog against a Set, patterns against the keys that they stand for,
// heavy hitters against a Map.
import fc from 'fast-check';
import t from 'tap';
import { globMatches } from '../../../src/core/policy/glob.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { TtlOutcome } from '../../../src/core/policy/observer.js';
import { HeavyHitters, HITTERS } from '../../../src/observe/stats/heavy-hitters.js';
import { DistinctCounters, STANDARD_ERROR } from '../../../src/observe/stats/hyperloglog.js';
import { MAX_PATTERN, PATTERN_SCRATCH, writePattern } from '../../../src/observe/stats/prefix.js';

t.test('distinct keys are estimated within four standard deviations', async (t) => {
  const runs: [size: number, numRuns: number][] = [
    [10, 200],
    [1_000, 100],
    [20_000, 20],
    [100_000, 10],
  ];
  for (const [size, numRuns] of runs) {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.integer({ min: 1, max: 3 }), (prefix, repeats) => {
        const counters = new DistinctCounters(2);
        const exact = new Set<string>();
        for (let i = 0; i < size; i++) {
          const key = `${prefix}:${i}`;
          exact.add(key);
          const bytes = Buffer.from(key);
          for (let n = 0; n < repeats; n++) counters.add(1, hashKey(bytes, 0, bytes.length));
        }
        const slack = Math.max(2, 4 * STANDARD_ERROR * exact.size);
        const estimate = counters.estimate(1);
        return Math.abs(estimate - exact.size) <= slack && counters.estimate(0) === 0;
      }),
      { numRuns },
    );
    t.pass(`${size} keys, ${numRuns} runs`);
  }
});

// Bytes that matter to the normalization far more often than chance would bring them.
const telling = fc.constantFrom(...Buffer.from(':/|@{}[]*?\\^_-.0123456789abcdefXYZ \n\xff', 'latin1'));
const byte = fc.oneof(
  { arbitrary: telling, weight: 9 },
  { arbitrary: fc.integer({ min: 0, max: 255 }), weight: 1 },
);
const key = fc.oneof(
  fc.array(byte, { maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  fc.array(byte, { minLength: 50, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.uuid().map((id) => Buffer.from(`user:${id}:cart`)),
  fc
    .array(fc.constantFrom('\\', '*', 'a', '0'), { minLength: 20, maxLength: 200 })
    .map((c) => Buffer.from(c.join(''))),
);

t.test('a pattern is short, printable and matches the key it came from', async (t) => {
  const out = new Uint8Array(PATTERN_SCRATCH);
  fc.assert(
    fc.property(key, fc.nat(5), fc.nat(5), (bytes, before, after) => {
      const framed = Buffer.concat([Buffer.alloc(before, ':'), bytes, Buffer.alloc(after, '9')]);
      const length = writePattern(framed, before, before + bytes.length, out);
      const pattern = Buffer.from(out.subarray(0, length));
      return (
        length <= MAX_PATTERN &&
        (length > 0 || bytes.length === 0) &&
        /^[\x20-\x7e]*$/.test(pattern.toString('latin1')) &&
        globMatches(pattern, framed, before, before + bytes.length)
      );
    }),
    { numRuns: 20_000 },
  );
  t.pass('always');
});

t.test('a number behind a word makes no pattern of its own', async (t) => {
  const out = new Uint8Array(PATTERN_SCRATCH);
  const patternOf = (key: string) => {
    const bytes = Buffer.from(key, 'latin1');
    return Buffer.from(out.subarray(0, writePattern(bytes, 0, bytes.length, out))).toString('latin1');
  };
  // 15 bytes at most, as longer ones with a digit are ids.
  const word = fc.stringMatching(/^[g-uw-z_]{1,7}$/);
  fc.assert(
    fc.property(
      word,
      fc.nat(999_999),
      fc.constantFrom(':', '/', '|'),
      fc.boolean(),
      (word, n, sign, tagged) => {
        const named = (number: string) => (tagged ? `{${word}${number}}` : word + number);
        return patternOf(`a:${named(String(n))}${sign}cart`) === `a:${named('*')}${sign}*`;
      },
    ),
  );
  t.pass('always');
});

t.test('heavy hitters keep their guarantees, whatever is evicted', async (t) => {
  // More patterns than entries, of very uneven weight.
  const share = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((n) => n / 1e6);
  const stream = fc.array(fc.tuple(share, fc.nat(1000), fc.boolean()), {
    minLength: 200,
    maxLength: 6000,
    size: 'max',
  });
  let evicted = 0;
  fc.assert(
    fc.property(stream, (events) => {
      const sketch = new HeavyHitters();
      const exact = new Map<
        string,
        { writes: number; bytes: number; withoutTtl: number; dbs: Set<number> }
      >();
      for (const [weight, bytes, ttl] of events) {
        const number = Math.floor(weight ** 3 * 2000);
        const pattern = `p${number}:*`;
        const cell = Buffer.from(pattern);
        // Every fourth pattern is in several databases, and of some writes it is not known.
        const db = bytes % 7 === 0 ? -1 : number % 4 === 0 ? bytes % 3 : number % 3;
        sketch.add(cell, cell.length, bytes, ttl ? TtlOutcome.HAD_TTL : TtlOutcome.WITHOUT_TTL, db, !ttl);
        const truth = exact.get(pattern) ?? { writes: 0, bytes: 0, withoutTtl: 0, dbs: new Set() };
        if (db >= 0) truth.dbs.add(db);
        truth.writes++;
        truth.bytes += bytes;
        if (!ttl) truth.withoutTtl++;
        exact.set(pattern, truth);
      }
      sketch.check();
      if (exact.size > HITTERS) evicted++;

      const entries = sketch.top(HITTERS);
      const found = new Set(entries.map((e) => e.pattern));
      if (found.size !== entries.length || found.size !== Math.min(HITTERS, exact.size)) return false;
      for (const [pattern, truth] of exact) {
        if (truth.writes > events.length / HITTERS && !found.has(pattern)) return false;
      }
      return entries.every((e) => {
        const truth = exact.get(e.pattern);
        if (truth === undefined) return false;
        if (e.inMulti !== e.withoutTtl) return false;
        if (e.error === 0 && (e.writes !== truth.writes || e.bytes !== truth.bytes)) return false;
        const [only = -1, another] = truth.dbs;
        if (e.error === 0 && e.db !== (another === undefined ? only : -2)) return false;
        if (e.db >= 0 && !truth.dbs.has(e.db)) return false;
        return (
          e.writes <= truth.writes &&
          truth.writes <= e.writes + e.error &&
          e.bytes <= truth.bytes &&
          e.withoutTtl <= truth.withoutTtl &&
          e.hadTtl + e.withoutTtl === e.writes
        );
      });
    }),
    // Shrinking thousands of events would take minutes; the seed is in the report.
    { numRuns: 150, endOnFailure: true },
  );
  t.ok(evicted > 50, `${evicted} of 150 runs had more patterns than entries`);
});
