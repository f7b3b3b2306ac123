// When `npm run bench:ab` says that a tree is slower.
import t from 'tap';
import { judge } from '../../bench/ab/verdict.js';

const old = [100, 200, 400];

t.test('slower by more than 3% and than the old one ever was against itself', async (t) => {
  const verdict = judge({ old, oldAgain: old, new: [95, 192, 380] });
  t.same(verdict, {
    newByOld: { median: 0.95, min: 0.95, max: 0.96 },
    oldByItself: { median: 1, min: 1, max: 1 },
    slower: true,
  });
});

t.test('which of the two base runs is faster makes no difference', async (t) => {
  const [fast, slow] = [old.map((rate) => rate * 1.25), old.map((rate) => rate * 0.8)];
  for (const [one, other] of [
    [fast, slow],
    [slow, fast],
  ] as const) {
    const { newByOld, oldByItself, slower } = judge({ old: one, oldAgain: other, new: old });
    const rounded = [newByOld.median, oldByItself.min, oldByItself.max].map((value) => value.toFixed(6));
    t.same(rounded, ['1.000000', '0.800000', '1.250000']);
    t.notOk(slower);
  }
});

t.test('not slower', async (t) => {
  const within = { old, oldAgain: [80, 200, 404], new: [85, 180, 380] };
  t.notOk(judge(within).slower, 'the old one differs from itself as much');
  t.notOk(judge({ old, oldAgain: old, new: [98, 196, 392] }).slower, 'less than 3%');
  t.notOk(judge({ old, oldAgain: old, new: [50, 200, 400] }).slower, 'only one disturbed round');
  t.notOk(judge({ old, oldAgain: old, new: [110, 220, 440] }).slower, 'faster');
});

t.test('rounds that do not match, or none', async (t) => {
  t.throws(() => judge({ old, oldAgain: old, new: [1] }), RangeError);
  t.throws(() => judge({ old: [], oldAgain: [], new: [] }), RangeError);
});
