// Which rules make room for their budgets, and how much.
import t from 'tap';
import { Owed } from '../../../src/evict/owed.js';

t.test('above the upper mark, a rule owes what is above the lower mark', async (t) => {
  const owed = new Owed();
  const see = (heldBytes: number): number => {
    owed.see([{ slot: 1, heldBytes, budgetBytes: 1000 }]);
    return owed.bytes;
  };
  t.equal(see(850), 0);
  t.equal(see(860), 60);
  t.equal(see(840), 40, 'on its way down');
  t.equal(see(800), 0);
  t.equal(see(840), 0, 'and then not before the upper one');
});

t.test('a rule whose budget is unknown owes nothing', async (t) => {
  const owed = new Owed();
  owed.see([{ slot: 1, heldBytes: 1000, budgetBytes: 0 }]);
  t.equal(owed.next(), undefined);
});

t.test('the rule that owes most is next; a rule without keys is skipped', async (t) => {
  const owed = new Owed();
  owed.order(
    new Map([
      [1, 100],
      [2, 300],
    ]),
  );
  t.same(owed.next(), { slot: 2, bytes: 300 });
  owed.took(2, 250);
  t.same(owed.next(), { slot: 1, bytes: 100 });
  owed.took(1, 0);
  t.same(owed.next(), { slot: 2, bytes: 50 });
  owed.took(2, 80);
  t.equal(owed.next(), undefined);
});
