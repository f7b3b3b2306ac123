// Full reads are worked off for a few milliseconds in a turn of the event loop, whoever they are of and however many wait.
import t from 'tap';
import { BulkTurns } from '../../../src/wire/bulk-turns.js';

/** Keeps the process busy, as many small commands do. */
function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('long work is spread over turns of the event loop, in order', async (t) => {
  const turns = new BulkTurns();
  const done: number[] = [];
  for (let i = 0; i < 20; i++) turns.enqueue(() => turns.spend(() => work(3) ?? done.push(i)));
  let before = 0;
  while (done.length < 20) {
    await nextTurn();
    t.ok(done.length - before <= 2, `${done.length - before} of 3 ms in a turn of 5 ms`);
    before = done.length;
  }
  t.same(
    done,
    Array.from({ length: 20 }, (_, i) => i),
  );
});

t.test('quick reads are bounded by number', async (t) => {
  const turns = new BulkTurns();
  let done = 0;
  for (let i = 0; i < 20; i++) turns.enqueue(() => done++);
  await nextTurn();
  t.equal(done, 8);
  await nextTurn();
  t.equal(done, 16);
});

t.test(
  'the time of a turn is used up by what is worked off in it, and there again in the next one',
  async (t) => {
    const turns = new BulkTurns();
    t.ok(turns.hasTime);
    turns.spend(() => work(6));
    t.notOk(turns.hasTime);
    await nextTurn();
    t.ok(turns.hasTime);
  },
);
