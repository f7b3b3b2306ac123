// Whatever is discovered, what Spillway suggests for it can be pasted into the config as it is.
import fc from 'fast-check';
import t from 'tap';
import { ruleSchema } from '../../../src/config/rule-schema.js';
import { PATTERN_SCRATCH, writePattern } from '../../../src/observe/stats/prefix.js';
import { suggestRule } from '../../../src/observe/stats/suggest.js';

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
