// When a rule begins to refuse for a reason, and when that is over, is told once each.
import t from 'tap';
import { RefusalWatch } from '../../../src/observe/history/refusal-watch.js';

const rule = (name: string, shedBy: Record<string, number>) => ({ name, shedBy });

t.test('a beginning, and an end after a minute without a refusal', async (t) => {
  const watch = new RefusalWatch(['script', 'rate']);
  const look = (at: number, ...rules: ReturnType<typeof rule>[]) => watch.take(at, rules).changes;
  t.same(look(0, rule('a', {})), []);
  t.same(look(1000, rule('a', { band: 9 })), [], 'not its concern');
  t.same(look(2000, rule('a', { band: 9, script: 3 })), [
    { rule: 'a', reason: 'script', refused: undefined },
  ]);
  t.same(look(50_000, rule('a', { script: 5 })), []);
  t.same(look(60_000, rule('a', { script: 5, rate: 1 }), rule('b', { rate: 2 })), [
    { rule: 'a', reason: 'rate', refused: undefined },
    { rule: 'b', reason: 'rate', refused: undefined },
  ]);
  t.same(look(109_000, rule('a', { script: 5, rate: 1 }), rule('b', { rate: 2 })), []);
  t.same(look(111_000, rule('a', { script: 5, rate: 1 })), [{ rule: 'a', reason: 'script', refused: 5 }]);
  t.same(look(120_000), [
    { rule: 'a', reason: 'rate', refused: 1 },
    { rule: 'b', reason: 'rate', refused: 2 },
  ]);
  t.same(look(130_000, rule('b', { rate: 4 })), [{ rule: 'b', reason: 'rate', refused: undefined }], 'anew');
  t.same(look(200_000, rule('b', { rate: 4 })), [{ rule: 'b', reason: 'rate', refused: 4 }]);
});

t.test('one look reports a few rules, and how many more there are', async (t) => {
  const watch = new RefusalWatch(['rate']);
  const { changes, leftOut } = watch.take(
    0,
    Array.from({ length: 30 }, (_, i) => rule(`r${i}`, { rate: 1 })),
  );
  t.equal(changes.length, 20);
  t.equal(leftOut, 10);
  t.same(watch.take(1000, []), { changes: [], leftOut: 0 });
});
