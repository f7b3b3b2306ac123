import t from 'tap';
import { BackOff, spread } from '../../../src/core/back-off.js';

t.test('each wait doubles, up to the longest, until an attempt succeeds', async (t) => {
  const backOff = new BackOff(20, 1000);
  t.equal(backOff.failing, false);
  const waits = Array.from({ length: 9 }, () => backOff.next());
  t.same(waits, [20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
  t.equal(backOff.failing, true);
  backOff.reset();
  t.equal(backOff.failing, false);
  t.equal(backOff.next(), 20);
});

t.test('however often it fails it waits for no longer', async (t) => {
  const backOff = new BackOff(1, 50);
  for (let i = 0; i < 2000; i++) backOff.next();
  t.equal(backOff.next(), 50);
  t.equal(new BackOff(100, 50).next(), 50);
});

t.test('spread over the second half', async (t) => {
  t.same(
    [0, 0.5, 1].map((random) => spread(100, () => random)),
    [50, 75, 100],
  );
});
