// How late a process reads, by a clock and timers of the test.
import { test } from 'tap';
import { LoopLag } from '../../../src/runtime/loop-lag.js';

test('the lag is that of the last beat, and what has passed since it was due', async (t) => {
  let now = 0;
  let beat = () => {};
  t.intercept(globalThis, 'setInterval', {
    value: (call: () => void) => {
      beat = call;
      return { unref: () => undefined };
    },
  });
  const lag = new LoopLag(() => now);
  const at = (time: number) => {
    now = time;
    return lag.ms;
  };
  t.equal(at(15), 0);
  t.equal(at(20), 0);
  t.equal(at(120), 100, 'no beat came');
  beat();
  t.equal(at(121), 100, 'read in the turn of that beat');
  t.equal(at(150), 110, 'the same turn goes on');
  now = 140;
  beat();
  t.equal(at(141), 0, 'in time');
});
