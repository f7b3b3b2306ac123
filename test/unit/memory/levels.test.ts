// When a level rises and falls, and what is told of it: at once, or once it has settled.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { isAbove, type Level, Levels, levelOf, type Standing } from '../../../src/memory/levels.js';

const PLAIN: Standing = {
  ...{ byGrowth: false, byReserve: false, atOnce: false },
  ...{ trigger: undefined, cause: 'reading' },
};
const GROWTH = { ...PLAIN, byGrowth: true };
const RESERVE = { ...PLAIN, byReserve: true };

function lab() {
  const levels = new Levels();
  return {
    levels,
    sees(now: number, to: Level, standing: Partial<Standing> = {}): string | undefined {
      const change = levels.see(Priority.LOW, to, { ...PLAIN, ...standing }, now);
      return change && `${change.from}: ${change.cause}`;
    },
  };
}

t.test('a level rises and falls at once, and the fall names the cause of the rise', async (t) => {
  const { levels, sees } = lab();
  t.equal(sees(0, 'open'), undefined);
  t.equal(sees(0, 'full', { cause: 'upstream OOM' }), 'open: upstream OOM');
  t.equal(sees(0, 'full'), undefined);
  t.equal(sees(0, 'partial'), 'full: upstream OOM');
  t.equal(sees(0, 'open', { trigger: 'configuration' }), 'partial: configuration');
  t.equal(levels.changes, 3);
  t.same(levels.told, ['open', 'open', 'open', 'open']);
  levels.see(Priority.HIGH, 'full', PLAIN, 0);
  t.equal(levels.told[Priority.HIGH], 'full', 'each priority by itself');
  t.equal(levels.told[Priority.LOW], 'open');
});

t.test('a level that growth raised falls step by step, a second after it was last reached', async (t) => {
  for (const [standing, settleMs] of [
    [GROWTH, 1000],
    [RESERVE, 5000],
  ] as const) {
    const { sees } = lab();
    const cause = standing === GROWTH ? 'growth since the reading' : 'reserve';
    t.equal(sees(0, 'full', standing), `open: ${cause}`);
    t.equal(sees(500, 'full', standing), undefined);
    t.equal(sees(499 + settleMs, 'partial', standing), undefined, 'it was reached again');
    t.equal(sees(500 + settleMs, 'partial', standing), `full: ${cause}`);
    t.equal(sees(499 + 2 * settleMs, 'open'), undefined, 'and so was the lower one');
    t.equal(sees(500 + 2 * settleMs, 'open'), `partial: ${cause}`);
    sees(20_000, 'full', standing);
    t.ok(sees(20_001, 'open', { atOnce: true }), 'nothing is refused any more');
    sees(20_002, 'full', standing);
    sees(20_003, 'full');
    t.ok(sees(20_004, 'open'), 'it stood on what was read, last');
  }
});

t.test('words', async (t) => {
  t.same([0, 0.001, 0.5, 0.999, 1].map(levelOf), ['open', 'partial', 'partial', 'partial', 'full']);
  t.same(
    [isAbove('full', 'partial'), isAbove('partial', 'open'), isAbove('open', 'open')],
    [true, true, false],
  );
  t.notOk(isAbove('partial', 'full'));
});
