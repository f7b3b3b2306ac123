// History and forecast: rings against arrays, slopes against lines that are known, times in order.
import fc from 'fast-check';
import t from 'tap';
import { type Growth, measureGrowth, timeTo, WINDOW_SECONDS } from '../../../src/observe/history/forecast.js';
import { SampleRing } from '../../../src/observe/history/sample-ring.js';
import { type Point, robustSlope } from '../../../src/observe/history/slope.js';

t.test('a ring holds the last rows, oldest first, and finds them by time', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer()), { maxLength: 30 }),
      fc.integer({ min: -1, max: 160 }),
      (capacity, steps, wanted) => {
        const ring = new SampleRing(capacity, 2);
        let at = 0;
        const all = steps.map(([step, value]) => {
          at += step;
          ring.push([at, value]);
          return [at, value];
        });
        const kept = all.slice(-capacity);
        t.equal(ring.length, kept.length);
        t.same(
          kept.map((_, i) => [ring.read(i, 0), ring.read(i, 1)]),
          kept,
        );
        t.ok(Number.isNaN(ring.read(-1, 0)) && Number.isNaN(ring.read(kept.length, 0)));
        t.equal(ring.lastUpTo(wanted), kept.filter(([time]) => time <= wanted).length - 1);
      },
    ),
    { numRuns: 200 },
  );
});

const rate = fc.integer({ min: -1_000_000, max: 1_000_000 });
const start = fc.integer({ min: 0, max: 1_000_000_000 });

/** A line, sampled once a second. */
function line(from: number, slope: number, seconds: number): Point[] {
  return Array.from({ length: seconds + 1 }, (_, at) => ({ at, value: from + slope * at }));
}

t.test('the slope of a line is the line, whatever a tenth of its points do', async (t) => {
  fc.assert(
    fc.property(
      start,
      rate,
      fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -1e9, max: 1e9 })), {
        maxLength: 4,
      }),
      (from, slope, outliers) => {
        const points = line(from, slope, 40);
        for (const [i, value] of outliers) points[i] = { at: i, value };
        const found = robustSlope(points);
        t.ok(found !== undefined && Math.abs(found.slope - slope) < 1e-3 + Math.abs(slope) * 1e-6);
        t.ok(found !== undefined && found.low <= found.slope && found.slope <= found.high);
      },
    ),
    { numRuns: 300 },
  );
  const three = [0, 1, 100].map((value, at) => ({ at, value }));
  t.equal(robustSlope(three)?.slope, 50, 'the one in the middle of 1, 50 and 99');
  t.equal(robustSlope([{ at: 1, value: 5 }]), undefined, 'one point has no slope');
  t.equal(
    robustSlope(line(1, 1, 1).map(({ value }) => ({ at: 7, value }))),
    undefined,
    'nor have several at once',
  );
});

t.test('memory that shrinks or stands still has no time to full', async (t) => {
  fc.assert(
    fc.property(start, fc.integer({ min: -1_000_000, max: 0 }), (from, slope) => {
      const growth = measureGrowth(line(from, slope, 60));
      t.not(growth, null);
      t.same(timeTo(from + 1e12, from, growth), { seconds: null, soonestSeconds: null, latestSeconds: null });
    }),
  );
});

t.test('scatter without growth is no growth', async (t) => {
  // Up and down by a megabyte around the same place: no half of it may be taken for a trend.
  const points = Array.from({ length: 90 }, (_, at) => ({ at, value: 1e8 + (at % 3) * 1e6 }));
  const growth = measureGrowth(points);
  t.ok(growth !== null && growth.lowBytesPerSecond <= 0 && growth.highBytesPerSecond >= 0);
  t.equal(timeTo(2e8, 1e8, growth).seconds, null);
});

t.test('steady growth reaches each mark when the line does, higher marks later', async (t) => {
  fc.assert(
    fc.property(
      start,
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(fc.integer({ min: -1000, max: 1_000_000_000 }), { minLength: 1, maxLength: 8 }),
      (from, slope, distances) => {
        const growth = measureGrowth(line(from, slope, 30));
        let before = 0;
        for (const distance of distances.sort((a, b) => a - b)) {
          const { seconds, soonestSeconds, latestSeconds } = timeTo(from + distance, from, growth);
          const expected = Math.max(0, distance / slope);
          t.ok(seconds !== null && Math.abs(seconds - expected) <= 1e-3 * (1 + expected));
          t.ok(seconds !== null && seconds >= before);
          t.ok(soonestSeconds !== null && seconds !== null && soonestSeconds <= seconds);
          t.ok(latestSeconds !== null && seconds !== null && seconds <= latestSeconds);
          before = seconds ?? 0;
        }
      },
    ),
    { numRuns: 200 },
  );
});

t.test('too little is no ground for a forecast, and what is long past counts no more', async (t) => {
  t.equal(measureGrowth([]), null);
  t.equal(measureGrowth(line(0, 5, 5)), null, 'five seconds');
  t.equal(
    measureGrowth([
      { at: 0, value: 1 },
      { at: 60, value: 9 },
    ]),
    null,
    'two points',
  );
  const still: Growth = { bytesPerSecond: 1, lowBytesPerSecond: 0, highBytesPerSecond: 2, overSeconds: 60 };
  t.equal(timeTo(10, 1, still).seconds, null, 'growth that does not stand out of the scatter');
  t.equal(timeTo(10, 10, null).seconds, 0, 'what is full is full, known growth or not');
  const turned = [
    ...line(0, 1000, 300),
    ...line(300_000, -7, 200).map(({ at, value }) => ({ at: at + 301, value })),
  ];
  t.equal(measureGrowth(turned)?.bytesPerSecond, -7);
  t.equal(measureGrowth(turned)?.overSeconds, WINDOW_SECONDS);
});
