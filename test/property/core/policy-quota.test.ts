// The quick look at a quota says of no write that it passes which would be refused for some key, and of each that it may not
// which would be refused for the key that comes first.
import fc from 'fast-check';
import t from 'tap';
import { Quota } from '../../../src/core/policy/quota.js';
import { Refusal } from '../../../src/core/policy/refusal.js';

const LIMIT = { writesPerSecond: 10, bytesPerSecond: 1000, valueBytes: 0, error: undefined };

t.test('passes() and refusal() agree', async (t) => {
  fc.assert(
    fc.property(
      fc.record({
        limited: fc.boolean(),
        valueBytes: fc.constantFrom(0, 100),
        held: fc.constantFrom(undefined, 0, 899, 950, 1200),
        taken: fc.nat(30),
        bytes: fc.constantFrom(1, 100, 101, 2000),
        share: fc.nat(2 ** 32 - 1),
      }),
      ({ limited, valueBytes, held, taken, bytes, share }) => {
        const quota = new Quota(1, 1);
        quota.adopt(
          limited ? { ...LIMIT, valueBytes } : undefined,
          held === undefined ? undefined : { bytes: 1000 },
        );
        quota.budgetBytes = held === undefined ? 0 : 1000;
        quota.holds(held ?? 0);
        for (let i = 0; i < taken; i++) quota.take(90);
        const passes = quota.passes(bytes);
        if (passes) return quota.refusal(share, bytes) === Refusal.NONE;
        return quota.refusal(0, bytes) !== Refusal.NONE;
      },
    ),
    { numRuns: 3000 },
  );
  t.pass();
});
