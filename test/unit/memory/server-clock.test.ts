// The server's clock between its answers: while this machine's clock steps, and when the machine was suspended.
import t from 'tap';
import { ServerClock } from '../../../src/memory/server-clock.js';

t.test('it goes by the monotonic clock, and is not known while that may have stood still', (t) => {
  let monotonic = 1000;
  let wall = 5_000_000;
  const clock = new ServerClock(
    () => monotonic,
    () => wall,
  );
  t.strictSame(
    [clock.known, clock.now()],
    [false, 5_000_000],
    "this machine's, until the server has answered",
  );
  clock.adopt(9_000_000);
  monotonic += 300;
  wall += 300;
  t.strictSame([clock.known, clock.now()], [true, 9_000_300]);
  for (const step of [-600_000, 3_600_000]) {
    wall += step;
    t.strictSame(
      [clock.known, clock.now()],
      [false, 9_000_300],
      `a step of ${step} ms, or a machine that was suspended`,
    );
    clock.adopt(9_000_300);
    t.ok(clock.known, 'the server has answered');
  }
  t.end();
});
