// Whatever is discovered, what Spillway suggests for it can be pasted into the config as it is.
import fc from 'fast-check';
import t from 'tap';
import { ruleSchema } from '../../../src/config/rule-schema.js';
import { PATTERN_SCRATCH, writePattern } from '../../../src/observe/stats/prefix.js';
import { ANYTHING, ideaOf, suggestRule } from '../../../src/observe/stats/suggest.js';

t.test('every suggestion is a valid rule with a name of its own', async (t) => {
  const key = fc
    .array(
      fc.oneof(fc.constantFrom(...Buffer.from(':/|_.-*unregistered0')), fc.integer({ min: 0, max: 255 })),
      {
        minLength: 1,
        maxLength: 100,
      },
    )
    .map((bytes) => Buffer.from(bytes));
  const hitter = fc.record({
    key,
    hadTtl: fc.nat(50),
    withoutTtl: fc.nat(50),
    kept: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(hitter, { minLength: 1, maxLength: 20 }), (hitters) => {
      const names = new Set(['unregistered', 'cache']);
      const out = new Uint8Array(PATTERN_SCRATCH);
      return hitters.every(({ key, hadTtl, withoutTtl, kept }, i) => {
        const length = writePattern(key, 0, key.length, out);
        const pattern = Buffer.from(out.subarray(0, length)).toString('latin1');
        const writes = hadTtl + withoutTtl + kept;
        const { suggestion } = suggestRule(
          { pattern, writes, error: 0, bytes: 0, hadTtl, withoutTtl },
          names,
        );
        return (
          suggestion?.match === pattern && names.size === 3 + i && ruleSchema.safeParse(suggestion).success
        );
      });
    }),
    { numRuns: 2000 },
  );
  t.pass('always');
});

t.test(
  'a rule, pasted, never deletes or refuses by itself, and only keys that expire get a TTL',
  async (t) => {
    const word = fc.constantFrom(
      'order',
      'user',
      'lock',
      'ratelimit',
      'page-cache',
      'tmp',
      'session',
      'feed',
      '',
      'queue',
    );
    const writes = fc.record({
      ...{ hadTtl: fc.nat(50), withoutTtl: fc.nat(50), kept: fc.nat(50) },
      multi: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
    });
    fc.assert(
      fc.property(word, writes, (word, { hadTtl, withoutTtl, kept, multi }) => {
        const total = hadTtl + withoutTtl + kept;
        fc.pre(total > 0);
        const pattern = `${word}:*`;
        const { suggestion } = suggestRule(
          { pattern, writes: total, error: 0, bytes: 0, hadTtl, withoutTtl, inMulti: multi * total },
          new Set(),
        );
        if (suggestion === null || suggestion.mode !== 'observe') return false;
        const expires = hadTtl >= total * 0.95;
        // What is written in transactions gets no TTL, and is not refused before others.
        if (multi >= 0.1 && !(suggestion.durable && suggestion.priority === 'normal')) return false;
        const named = ideaOf(pattern) !== ANYTHING;
        return (
          (suggestion.ttl === undefined || expires || (named && kept <= total / 2)) &&
          (named || suggestion.family !== undefined || suggestion.priority === 'normal')
        );
      }),
      { numRuns: 2000 },
    );
    t.pass('always');
  },
);

t.test('a job system gets a rule for the whole family, never a TTL', async (t) => {
  for (const pattern of ['bull:mail:*', 'celery-task-meta-*', 'rq:job:*']) {
    const { suggestion } = suggestRule(
      { pattern, writes: 10, error: 0, bytes: 0, hadTtl: 10, withoutTtl: 0 },
      new Set(),
    );
    t.match(suggestion, { priority: 'critical', mode: 'observe', family: String }, pattern);
    t.equal(suggestion?.ttl, undefined, pattern);
  }
});
