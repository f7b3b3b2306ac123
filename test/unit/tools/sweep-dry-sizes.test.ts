// What a dry run says of due keys: what they hold, and when the TTLs that --apply would give them end.
import fc from 'fast-check';
import t from 'tap';
import { checkConfig } from '../../../src/config/check.js';
import { compileConfig } from '../../../src/config/compile.js';
import type { CompiledRule } from '../../../src/core/policy/compiled-rule.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';
import { drawSweptTtl } from '../../../src/tools/sweep/draw-ttl.js';
import { DueSizes, isSized, ttlRange } from '../../../src/tools/sweep/dry-sizes.js';

function ruleOf(more: object): CompiledRule {
  const config = compileConfig(checkConfig({ rules: [{ name: 'a', match: 'a:*', ttl: '1h', ...more }] }));
  return ruleSetOf(config).rules.find(({ name }) => name === 'a') as CompiledRule;
}

t.test('the mean of the sizes that are known, for all due keys', async (t) => {
  const sizes = new DueSizes();
  t.equal(sizes.estimate(10), null, 'nobody may ask for sizes');
  t.equal(sizes.estimate(0), 0);
  for (const bytes of [100, 200, 600]) sizes.add(bytes);
  t.equal(sizes.estimate(10), 3000);
  t.same([0, 1, 7, 8].map(isSized), [true, false, false, true]);
});

t.test('every TTL that a sweep draws is within the range that the dry run says', async () => {
  const rules = [{}, { jitter: '30%' }, { jitter: '90%', maxTtl: '70m' }].map(ruleOf);
  fc.assert(
    fc.property(
      fc.constantFrom(...rules),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.option(fc.integer({ min: 1000, max: 10_000_000 }), { nil: undefined }),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 2, maxLength: 2 }),
      (rule, spread, mostMs, randoms) => {
        const [least, most] = ttlRange(rule, spread, mostMs);
        let i = 0;
        const ttl = drawSweptTtl(rule, spread, () => randoms[i++ % 2] as number, mostMs);
        return least <= ttl && ttl <= most;
      },
    ),
    { numRuns: 2000 },
  );
});
