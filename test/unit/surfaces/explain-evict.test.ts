// When a key would be evicted, in words: never without evict, and behind the rules of a lower priority.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { whenEvicted } from '../../../src/surfaces/explain/when-evicted.js';
import { RULES } from '../../support/session-lab.js';

function texts(observe: boolean): (string | null)[] {
  const rules = [
    { ...RULES[0], name: 'pages', slot: 1, priority: Priority.LOW, evict: true, observe: false },
    { ...RULES[0], name: 'users', slot: 2, priority: Priority.HIGH, evict: true, observe },
    { ...RULES[0], name: 'jobs', slot: 3, priority: Priority.LOW, evict: false, observe: false },
  ];
  const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } });
  return set.rules.map((rule) => whenEvicted(set.rules, rule));
}

t.test('who goes first is named', async (t) => {
  const [pages, users, jobs] = texts(false);
  t.match(pages, /^Spillway removes it when used memory has reached memory\.evict\.start/);
  t.notMatch(pages, /lower priority/);
  t.match(users, /Keys of rules of a lower priority go first \("pages"\)\.$/);
  t.equal(jobs, null);
});

t.test('a rule that observes only counts', async (t) => {
  const [, users] = texts(true);
  t.match(users, /^In observe mode: counted as if it were removed when/);
  t.notMatch(users, /pages/);
});
