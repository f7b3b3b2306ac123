// The quick look at a quota says of no write that it passes which would be refused for some key, and of each that it may not
// which would be refused for the key that comes first.
import fc from 'fast-check';
import t from 'tap';
import { Quota } from '../../../src/core/policy/quota.js';
import { Refusal } from '../../../src/core/policy/refusal.js';
import { ALL } from '../../../src/core/policy/shed.js';

const LIMIT = { writesPerSecond: 10, bytesPerSecond: 1000, valueBytes: 0, error: undefined };

t.test(
  'a budget refuses none of its keys up to nine tenths, half of them at 95%, all of them when it is used up',
  async (t) => {
    const quota = new Quota(1, 1);
    quota.adopt(undefined, { bytes: 1000 });
    const shares = [0, 900, 925, 950, 975, 1000, 1200, 0].map((held) => {
      quota.holds(held);
      return quota.threshold / ALL;
    });
    t.same(shares, Array(8).fill(0), 'nothing as long as the budget is not known in bytes');
    quota.budgetBytes = 1000;
    for (const [held, share] of [
      ...[
        [0, 0],
        [900, 0],
        [925, 0.25],
        [950, 0.5],
        [975, 0.75],
        [1000, 1],
        [1200, 1],
        [0, 0],
      ],
    ] as const) {
      quota.holds(held);
      t.ok(Math.abs(quota.threshold / ALL - share) < 1e-9, `${held}: ${quota.threshold / ALL}`);
    }
  },
);

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
