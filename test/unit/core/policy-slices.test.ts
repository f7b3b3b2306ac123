// Rules are compiled in slices, with a pause after each, and what comes out is what compiling without a pause makes. The views
// that were in use are made with them.
import t from 'tap';
import { ruleMistakes } from '../../../src/config/rule-mistakes.js';
import { ANY_DATABASE } from '../../../src/core/policy/key-memory.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { SLICE, type Sliced } from '../../../src/core/policy/slices.js';
import { RULES } from '../../support/session-lab.js';

const MANY = 10 * SLICE;
const SHAPES = [(i: number) => `app${i}:*`, (i: number) => `*:part${i}:?x`, (i: number) => `app${i}`];

function rulesOf(shape: (i: number) => string, scope: (i: number) => Partial<Rule>): Rule[] {
  return Array.from({ length: MANY }, (_, i) => ({
    ...{ ...RULES[0], ...scope(i), name: `rule ${i}`, slot: i + 1 },
    globs: [Buffer.from(shape(i))],
  }));
}

function play<T>(work: Sliced<T>): { result: T; pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const next = work.next();
    if (next.done) return { result: next.value, pauses };
  }
}

const options = (rules: readonly Rule[]) => ({
  rules,
  unregistered: { priority: Priority.NORMAL, observe: false },
});
const DATABASES = [ANY_DATABASE, 0, 1, 9];
const USERS = [undefined, 'app', 'other'];

for (const shape of SHAPES) {
  t.test(`compiled with pauses: ${shape(7)}`, async (t) => {
    const scope = (i: number): Partial<Rule> => (i % 2 === 0 ? { databases: [i % 4] } : { users: ['app'] });
    const rules = rulesOf(shape, scope);
    const plain = new RuleSet(options(rules));
    const { pauses: ofSet } = play(RuleSet.sliced(options(rules), plain));
    t.ok(ofSet >= 3 * (MANY / SLICE - 1), `${ofSet} pauses`);
    const views = new Set(DATABASES.flatMap((db) => USERS.map((user) => plain.view(db, user))));
    const { result, pauses } = play(RuleSet.sliced(options(rules), plain));
    t.ok(pauses - ofSet >= views.size * (MANY / SLICE - 1), `${pauses} pauses with ${views.size} views`);
    let matched = 0;
    for (const db of DATABASES)
      for (const user of USERS)
        for (let i = 0; i < MANY; i += 37) {
          const key = Buffer.from(
            shape(i)
              .replace('*', i % 2 ? 'x' : '')
              .replace('?', 'y'),
          );
          const found = result.view(db, user).find(key, 0, key.length);
          const expected = plain.view(db, user).find(key, 0, key.length);
          t.same([found.slot, found.priority], [expected.slot, expected.priority]);
          if (found.slot > 0) matched++;
        }
    t.ok(matched > 50, `${matched} keys of a rule`);
    t.equal(result.unsure.priority, Priority.CRITICAL);
  });

  t.test(`warnings with pauses: ${shape(7)}`, async (t) => {
    const { pauses } = play(
      ruleMistakes(
        rulesOf(shape, () => ({})),
        'off',
      ),
    );
    t.ok(pauses >= 3 * (MANY / SLICE - 1), `${pauses} pauses`);
  });
}
