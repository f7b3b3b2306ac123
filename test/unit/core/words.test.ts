// One style of figures: the page's format.js says the same as the command line.
import fc from 'fast-check';
import t from 'tap';
import { bytesText, countText, percentText, timeText } from '../../../src/core/words.js';

const PAGE: string = '../../../src/surfaces/admin/page/format.js';
type Shown = (value: number) => string;

t.test('percentages, sizes and times, as they are read', async (t) => {
  t.same([0.842, 0.8, 0, 1, 1.1604].map(percentText), ['84.2%', '80%', '0%', '100%', '116%']);
  t.same([0, 1000, 1024, 61.3 * 2 ** 20, 512 * 2 ** 20, 2 ** 30 - 1, 2 ** 50].map(bytesText), [
    '0 B',
    '1000 B',
    '1.0 KB',
    '61.3 MB',
    '512 MB',
    '1.0 GB',
    '1024 TB',
  ]);
  t.same([45, 720, 12_240, 86_400, 2_500_000].map(timeText), ['45 s', '12 min', '3.4 h', '24 h', '29 days']);
  t.equal(timeText(100_000 * 86_400), '100000 days');
  t.equal(countText(12_345), '12,345');
});

t.test('the page and the command line agree', async (t) => {
  const { bytes, count, duration, percent } = (await import(PAGE)) as Record<string, Shown>;
  const same = (said: Shown, shown: Shown) => (value: number) =>
    said(value).replaceAll(',', '') === shown(value).replaceAll(',', '');
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 50 }), same(bytesText, bytes)));
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 6 }), (n) => same(percentText, percent)(n / 1000)));
  const tenths = fc.integer({ min: 0, max: 10 ** 8 }).map((n) => n / 10);
  fc.assert(fc.property(tenths, same(timeText, duration)), { numRuns: 2000 });
  t.equal(duration(0.3), '1 s', 'no time is left only where it is 0');
  fc.assert(fc.property(fc.nat(), same(countText, count)));
  t.pass('for every value');
});
