// However many globs there are, and however long the key, finding its rule ends before long; what is given up is counted, and
// never taken for another rule's.
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { GlobIndex } from '../../../src/core/policy/glob-index.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { atOnce } from '../../../src/core/policy/slices.js';

function ruleSet(globs: readonly string[]): RuleSet {
  const rules = globs.map((match, i) => ({ name: `r${i}`, match, ttl: '1h' }));
  return new RuleSet({
    rules: compileConfig(configSchema.parse({ rules })).rules,
    unregistered: { priority: 1, observe: false },
  });
}

function find(rules: RuleSet, key: Buffer): string {
  return rules.find(key, 0, key.length).name;
}

/** Never matches: it ends in no letter of the last class. */
const LONG = Buffer.from(`${'ab0'.repeat(20_000)}!`);

t.test('ten thousand globs without a literal, and a key of 60 KB', async (t) => {
  const rules = ruleSet([...Array.from({ length: 10_000 - 1 }, () => '?[a-c]*[0-9]?*[x-z]'), 'a*']);
  t.equal(find(rules, LONG), 'unregistered', 'not the last rule, which others come before');
  t.equal(rules.keysGivenUp, 1);
  t.equal(find(rules, Buffer.from('a1')), 'r9999', 'the next key is matched as ever');
  t.equal(find(rules, Buffer.from('xb1yz')), 'r0');
  t.equal(rules.keysGivenUp, 1);
});

t.test('few globs, too', async (t) => {
  // All of its literal parts are in the key, so no filter leaves it out.
  const rules = ruleSet([`*${'[ax]b0'.repeat(130)}[0z]*!`, '*!']);
  t.equal(find(rules, LONG), 'unregistered');
  t.equal(rules.keysGivenUp, 1);
});

t.test('the search never gives up on globs that people write', async (t) => {
  const globs = Array.from({ length: 1000 }, (_, i) => `*:x${i}:*[0-9]*y`);
  const bare = Array.from({ length: 500 }, () => '*[x-z]?*[!-%]');
  const rules = ruleSet([...globs, ...bare, '*']);
  t.equal(find(rules, Buffer.from('a0'.repeat(512))), 'r1500');
  t.equal(find(ruleSet(['*a!', '*b*c*d', 'a*']), LONG), 'r2');
  t.equal(rules.keysGivenUp, 0);
});

t.test('an index that has been asked four billion times knows nothing of its first searches', async (t) => {
  const globs = ['*abc*x', '*abd*x'].map((glob) => Buffer.from(glob));
  const index = atOnce(GlobIndex.sliced(globs, [undefined, undefined]));
  const key = Buffer.from('-abc-x');
  t.equal(index.find(key, 0, key.length), 0);
  Object.assign(index, { visit: 0xffff_ffff });
  t.equal(index.find(key, 0, key.length), 0);
  t.equal(index.find(key, 0, key.length), 0);
});
