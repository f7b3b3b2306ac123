// Counts in widening buckets: what is read back, and that parts add up to the whole.
import fc from 'fast-check';
import t from 'tap';
import { Histogram, MAXIMUM } from '../../../src/observe/stats/histogram.js';

t.test('every value is read back within 1%', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAXIMUM }), (value) => {
      const histogram = new Histogram();
      histogram.record(value);
      // A larger one, so that what is read is the bucket and not the exact maximum.
      histogram.record(MAXIMUM);
      const read = histogram.quantile(0.5);
      return Math.abs(read - value) <= value * 0.01 && histogram.max === MAXIMUM;
    }),
  );
  for (let exponent = 0; exponent < 31; exponent++) {
    for (const value of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1]) {
      const histogram = new Histogram();
      histogram.record(value);
      histogram.record(MAXIMUM);
      t.ok(Math.abs(histogram.quantile(0.5) - value) <= value * 0.01, `${value}`);
    }
  }
});

t.test('quantiles are those of the sorted values', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(0, 0.5, 0.9, 0.99, 0.999, 1),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1] as number;
        return (
          Math.abs(histogram.quantile(share) - exact) <= exact * 0.01 &&
          histogram.count === values.length &&
          histogram.max === sorted[sorted.length - 1]
        );
      },
    ),
  );
});

t.test('small values are exact, fractions are rounded', async (t) => {
  const histogram = new Histogram();
  for (const value of [3.4, 3.6, 200]) histogram.record(value);
  t.equal(histogram.quantile(0.33), 3);
  t.equal(histogram.quantile(0.66), 4);
  t.equal(histogram.quantile(1), 200);
});

t.test('values out of range count in the nearest bucket', async (t) => {
  const histogram = new Histogram();
  histogram.record(-5);
  histogram.record(1e12);
  t.equal(histogram.count, 2);
  t.equal(histogram.quantile(0.5), 0);
  t.equal(histogram.max, MAXIMUM);
  t.ok(MAXIMUM - histogram.quantile(1) <= MAXIMUM * 0.01);
});

t.test('nothing recorded', async (t) => {
  const histogram = new Histogram();
  t.equal(histogram.quantile(0.99), 0);
  t.equal(histogram.max, 0);
});
