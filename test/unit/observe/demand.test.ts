// How much of the growth passes at a pressure: by who wants it, by bands, and by which rules only observe; and what is held on to
// while a priority is refused.
import t from 'tap';
import { type ClassGrowth, Demand } from '../../../src/observe/history/demand.js';
import { timeTo } from '../../../src/observe/history/forecast.js';

const NONE: ClassGrowth = { bytesPerSecond: 0, refusedShare: 0, band: null, enforced: 1 };
const LOW: ClassGrowth = { ...NONE, bytesPerSecond: 300, band: [0.8, 0.9] };
const HIGH: ClassGrowth = { ...NONE, bytesPerSecond: 100, band: [0.9, 1] };

function after(seconds: number, classes: readonly ClassGrowth[], othersBytesPerSecond = 0): Demand {
  const demand = new Demand();
  for (let s = 0; s <= seconds; s++) demand.take({ classes, othersBytesPerSecond }, s * 1000);
  return demand;
}

const passing = (demand: Demand, pressures: readonly number[]) =>
  pressures.map((pressure) => Math.round(100 * demand.passing(pressure)));

t.test('the growth that passes at each pressure, by bands and priorities', async (t) => {
  t.equal(new Demand().passing(0.99), 1, 'nothing is known');
  t.same(passing(after(10, [LOW, HIGH]), [0.5, 0.85, 0.9, 0.95, 1]), [100, 63, 25, 13, 0]);
  t.same(passing(after(10, [LOW, HIGH], 400), [0.5, 0.85, 0.9, 0.95, 1]), [100, 81, 63, 56, 50]);
  t.same(passing(after(10, [{ ...LOW, band: null }]), [0.5, 0.99]), [100, 100], 'never refused');
});

t.test('rules that observe are not refused', async (t) => {
  t.same(passing(after(10, [{ ...LOW, enforced: 0 }, HIGH]), [0.9, 1]), [100, 75]);
  t.same(passing(after(10, [{ ...LOW, enforced: 0.5 }, HIGH]), [0.9, 1]), [63, 38]);
});

t.test('refused growth still counts as wanted', async (t) => {
  const demand = after(60, [LOW, HIGH]);
  t.equal(demand.refusedBytes, 0);
  for (let s = 61; s <= 160; s++) {
    const refused = { ...LOW, bytesPerSecond: 0, refusedShare: 1 };
    demand.take({ classes: [refused, HIGH], othersBytesPerSecond: 0 }, s * 1000);
  }
  t.equal(Math.round(demand.refusedBytes), 30_000);
  t.same(passing(demand, [0.5, 0.9]), [100, 25]);
});

t.test('the time to a mark: as much longer as less passes; never, where nothing does', async (t) => {
  const growth = { bytesPerSecond: 10, lowBytesPerSecond: 5, highBytesPerSecond: 20, overSeconds: 60 };
  const half = timeTo(1000, 500, growth, 0, (bytes) => (bytes < 750 ? 1 : 0.5));
  t.same(half, { seconds: 75, soonestSeconds: 37.5, latestSeconds: 150 });
  t.same(
    timeTo(1000, 500, growth, 0, () => 1),
    timeTo(1000, 500, growth, 0),
  );
  const never = { seconds: null, soonestSeconds: null, latestSeconds: null };
  t.same(
    timeTo(1000, 500, growth, 0, (bytes) => (bytes < 900 ? 1 : 0)),
    never,
  );
  t.equal(timeTo(900, 500, growth, 0, (bytes) => (bytes < 900 ? 1 : 0)).seconds, 40);
});
