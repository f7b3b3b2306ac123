// What a token bucket lets through over time. Buckets that workers share: property/runtime/shared-quotas.
import fc from 'fast-check';
import t from 'tap';
import { TokenBucket } from '../../../src/core/policy/token-bucket.js';

const rate = fc.integer({ min: 1, max: 100_000 });

void t.test('over any span a bucket gives what came, its capacity and one overdraft', (t) => {
  fc.assert(
    fc.property(
      rate,
      fc.array(fc.record({ ms: fc.integer({ min: 0, max: 500 }), count: fc.integer({ min: 1, max: 5000 }) })),
      (perSecond, steps) => {
        const bucket = new TokenBucket(perSecond);
        const taken: { at: number; count: number }[] = [];
        let at = 0;
        for (const { ms, count } of steps) {
          at += ms;
          bucket.refill(ms);
          if (!bucket.open) continue;
          bucket.take(count);
          taken.push({ at, count });
        }
        for (const [i, { at: from }] of taken.entries()) {
          let sum = 0;
          for (const { at: to, count } of taken.slice(i)) {
            // The last one may overdraw it.
            if (sum > perSecond + (perSecond * (to - from)) / 1000 + 1e-6) return false;
            sum += count;
          }
        }
        return true;
      },
    ),
  );
  t.end();
});

void t.test('a bucket that is always asked gives all that comes', (t) => {
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 50 }), (perSecond, ms) => {
      const bucket = new TokenBucket(perSecond);
      let taken = 0;
      const rounds = Math.ceil(10_000 / ms);
      for (let i = 0; i < rounds; i++) {
        bucket.refill(ms);
        while (bucket.open) {
          bucket.take(1);
          taken++;
        }
      }
      const came = (perSecond * ms * rounds) / 1000;
      return taken >= came - 1 && taken <= came + perSecond + 1;
    }),
    { numRuns: 30 },
  );
  t.end();
});

void t.test('another rate keeps what is there, as far as it fits', (t) => {
  const bucket = new TokenBucket(100);
  bucket.take(50);
  bucket.setRate(1000);
  t.equal(bucket.tokens, 50);
  bucket.setRate(10);
  t.equal(bucket.tokens, 10);
  t.end();
});
