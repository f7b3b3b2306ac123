// What is timed, and when a measurement ends, by a clock that the test sets.
import t from 'tap';
import { AddedLatency, Way } from '../../../src/wire/added-latency.js';

const EVERY = 61;

function lab() {
  const recorded: [way: Way, milliseconds: number][] = [];
  const time = { now: 0 };
  const added = new AddedLatency(
    (way, milliseconds) => recorded.push([way, milliseconds]),
    () => time.now,
  );
  /** As many reads as it takes for the last one to be timed. */
  const readTimed = (way: Way, by: object): void => {
    for (let i = 0; i < EVERY; i++) added.read(way, by);
  };
  return { recorded, time, added, readTimed };
}

t.test('one read in 61 is timed until its bytes were sent', async (t) => {
  const { recorded, time, added } = lab();
  const link = {};
  for (let i = 1; i <= 3 * EVERY; i++) {
    added.read(Way.REQUEST, link);
    time.now += 2;
    added.sent(Way.REPLY, link);
    added.sent(Way.REQUEST, {});
    added.sent(Way.REQUEST, link);
    t.equal(recorded.length, Math.floor(i / EVERY));
  }
  t.same(recorded, [
    [Way.REQUEST, 2],
    [Way.REQUEST, 2],
    [Way.REQUEST, 2],
  ]);
});

t.test('bytes on a shared connection are timed on it', async (t) => {
  const { recorded, time, added, readTimed } = lab();
  const [link, shared] = [{}, {}];
  readTimed(Way.REQUEST, link);
  added.pass(Way.REPLY, link, {});
  added.pass(Way.REQUEST, link, shared);
  time.now = 3;
  added.sent(Way.REQUEST, link);
  t.same(recorded, []);
  added.sent(Way.REQUEST, shared);
  t.same(recorded, [[Way.REQUEST, 3]]);
});

t.test('a turn with many reads does not hide how long its first ones waited', async (t) => {
  const { recorded, time, added, readTimed } = lab();
  const first = {};
  readTimed(Way.REPLY, first);
  for (time.now = 1; time.now < 9; time.now++) readTimed(Way.REPLY, {});
  added.sent(Way.REPLY, first);
  t.same(recorded, [[Way.REPLY, 9]]);
});

t.test('a link that closed in between does not stop the measuring for ever', async (t) => {
  const { recorded, time, added, readTimed } = lab();
  const [closed, link] = [{}, {}];
  readTimed(Way.REQUEST, closed);
  time.now = 999;
  readTimed(Way.REQUEST, link);
  added.sent(Way.REQUEST, link);
  t.same(recorded, []);
  time.now = 1000;
  readTimed(Way.REQUEST, link);
  time.now = 1001;
  added.sent(Way.REQUEST, link);
  t.same(recorded, [[Way.REQUEST, 1]]);
});
