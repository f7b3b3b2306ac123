// How often memory is read: sooner as refusing comes nearer, and never twice at a time.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { intervalAt, isNear, Pacing } from '../../../src/memory/pacing.js';
import { until } from '../../support/wait.js';

t.test('the interval by the distance to where refusing begins', async (t) => {
  for (const [distance, divisor] of [
    [Number.POSITIVE_INFINITY, 1],
    [0.5, 1],
    [0.1, 1],
    [0.099, 5],
    [0.001, 5],
    [0, 10],
  ] as const) {
    t.equal(intervalAt(distance, 500), 500 / divisor, `${distance} away`);
    t.equal(intervalAt(distance, 10), 10, 'as short as it gets');
  }
  t.same([0.2, 0.1, 0.05, 0].map(isNear), [false, true, true, true]);
});

t.test('readings come at the interval, or soon when asked for; one at a time', async (t) => {
  const begun: number[] = [];
  let [underWay, due] = [0, 0];
  let interval = 60_000;
  /** The clock, as last read. */
  let read = 0;
  /** Set: the reading under way waits for it. */
  let held: Promise<void> | undefined;
  let release = (): void => {};
  const pacing = new Pacing(
    async () => {
      t.equal(++underWay, 1);
      begun.push(read);
      await held;
      underWay--;
    },
    () => due++,
    () => interval,
    () => {
      read = performance.now();
      return read;
    },
  );
  // Its own timers keep no process up.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => {
    clearInterval(alive);
    pacing.close();
  });
  await pacing.now();
  t.equal(begun.length, 1);
  pacing.soon();
  await until(() => begun.length === 2 && underWay === 0);
  t.ok((begun[1] as number) - (begun[0] as number) >= 3, 'behind a gap');
  // Asked for while one is under way: then, and once.
  held = new Promise((resolve) => {
    release = resolve;
  });
  pacing.soon();
  await until(() => underWay === 1);
  for (let i = 0; i < 5; i++) {
    pacing.soon();
    void pacing.now();
  }
  t.equal(begun.length, 3);
  held = undefined;
  release();
  await until(() => begun.length === 4);
  const before = due;
  interval = 1;
  await pacing.now();
  await until(() => begun.length >= 8);
  t.ok(due >= before + 3, 'what was estimated is looked at again before each');
  pacing.close();
  const last = begun.length;
  pacing.soon();
  await pacing.now();
  await delay(5);
  t.equal(begun.length, last);
});
