// The rules that count for a client's database and user, against a plain walk over all rules: the first one that fits in
// pattern, database and user. What is not known never makes a rule count.
import fc from 'fast-check';
import t from 'tap';
import { globMatches } from '../../../src/core/policy/glob.js';
import { ANY_DATABASE } from '../../../src/core/policy/key-memory.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { patternsOfViews, scopeCovers } from '../../../src/core/policy/rule-views.js';
import { RULES } from '../../support/session-lab.js';

const DATABASES = [0, 1, 2, 7, ANY_DATABASE];
const USERS = ['default', 'app', 'jobs', 'other', undefined];

const scope = fc.record({
  databases: fc.option(fc.uniqueArray(fc.constantFrom(0, 1, 2), { minLength: 1 }), { nil: undefined }),
  users: fc.option(fc.uniqueArray(fc.constantFrom('default', 'app', 'jobs'), { minLength: 1 }), {
    nil: undefined,
  }),
});
const globs = fc.uniqueArray(fc.constantFrom('*', 'a*', 'ab', '*b', 'a?', 'b*', ''), {
  minLength: 1,
  maxLength: 3,
});
const rules = fc.array(fc.tuple(scope, globs, fc.boolean()), { maxLength: 8 }).map((all): Rule[] =>
  all.map(([scope, globs, builtIn], i) => ({
    ...RULES[0],
    ...scope,
    ...(builtIn && i === all.length - 1 && { builtIn }),
    name: `rule ${i}`,
    slot: i + 1,
    globs: globs.map((glob) => Buffer.from(glob)),
  })),
);
const keys = ['', 'a', 'ab', 'abc', 'b', 'xb', 'x'].map((key) => Buffer.from(key));

function setOf(rules: readonly Rule[]): RuleSet {
  return new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } });
}

/** undefined: that is not known. */
function counts(rule: Rule, db: number, user: string | undefined): boolean | undefined {
  const inDatabase =
    db === ANY_DATABASE && rule.databases ? undefined : (rule.databases?.includes(db) ?? true);
  const ofUser = user === undefined && rule.users ? undefined : (rule.users?.includes(user ?? '') ?? true);
  if (inDatabase === false || ofUser === false) return false;
  return inDatabase === undefined || ofUser === undefined ? undefined : true;
}

t.test('the first rule that fits in pattern, database and user', async () => {
  fc.assert(
    fc.property(rules, (rules) => {
      const set = setOf(rules);
      for (const db of DATABASES) {
        for (const user of USERS) {
          const view = set.view(db, user);
          if (set.view(db, user) !== view) throw new Error('made twice');
          for (const key of keys) {
            const first = rules.find(
              (rule) =>
                counts(rule, db, user) !== false &&
                rule.globs.some((glob) => globMatches(glob, key, 0, key.length)),
            );
            const sure = first !== undefined && counts(first, db, user) === true;
            const found = view.find(key, 0, key.length);
            if (found.slot !== (sure ? first.slot : 0))
              throw new Error(`${key} in ${db} of ${user}: ${found.name}`);
            const isUnsure = first !== undefined && !sure;
            if (isUnsure && found.priority !== Priority.CRITICAL)
              throw new Error('refused without knowing why');
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

t.test('rules without databases and users have one view, the set itself', async (t) => {
  const set = setOf(RULES);
  t.notOk(set.scoped);
  for (const db of DATABASES) for (const user of USERS) t.equal(set.view(db, user), set);
});

t.test('views of the same rules are one, and so no more than rules can tell apart', async (t) => {
  const [first, second] = setOf([{ ...RULES[0], databases: [1] }, RULES[0]]).rules;
  const set = setOf([first as Rule, { ...(second as Rule), name: 'all', slot: 2 }]);
  t.ok(set.scoped);
  t.equal(set.view(0, 'a'), set.view(5, 'b'));
  t.equal(set.view(1, 'a'), set.view(1, undefined));
  t.not(set.view(1, 'a'), set.view(0, 'a'));
  t.equal(set.view(ANY_DATABASE, undefined).find(Buffer.from('x'), 0, 1).slot, 0);
  t.same(set.view(1, 'a').rules, set.rules, 'a view knows all rules');
});

t.test('keys that take too long are counted for all views together', async (t) => {
  const slow = { ...RULES[0], databases: [1], globs: [Buffer.from(`*${'[ax]b0'.repeat(130)}[0z]*!`)] };
  const set = setOf([slow]);
  const key = Buffer.from(`${'ab0'.repeat(20_000)}!`);
  set.view(1, 'x').find(key, 0, key.length);
  t.equal(set.keysGivenUp, 1);
});

t.test('the bound of all views is what they can hold', async () => {
  fc.assert(
    fc.property(rules, (rules) => {
      const views = new Set(DATABASES.flatMap((db) => USERS.map((user) => `${db} ${user}`)));
      const held = [...views].reduce((sum, place) => {
        const [db, user] = place.split(' ') as [string, string];
        const fitting = rules.filter(
          (rule) => counts(rule, Number(db), user === 'undefined' ? undefined : user) !== false,
        );
        return sum + fitting.reduce((most, { globs }) => most + globs.length, 0);
      }, 0);
      const databases = new Set(rules.flatMap(({ databases = [] }) => databases)).size;
      const users = new Set(rules.flatMap(({ users = [] }) => users)).size;
      if (databases < 3 || users < 3) return;
      const bound = patternsOfViews(rules.map((rule) => ({ ...rule, globs: rule.globs.length })));
      if (bound !== held) throw new Error(`${bound} of ${held}`);
    }),
    { numRuns: 500 },
  );
});

t.test('a rule that covers another one counts wherever that does', async () => {
  fc.assert(
    fc.property(scope, scope, (wide, narrow) => {
      const covers = DATABASES.slice(0, 4).every((db) =>
        USERS.slice(0, 4).every(
          (user) =>
            counts({ ...(RULES[0] as Rule), ...narrow }, db, user) === false ||
            counts({ ...(RULES[0] as Rule), ...wide }, db, user) === true,
        ),
      );
      if (scopeCovers(wide, narrow) !== covers) throw new Error('covers');
    }),
  );
});
