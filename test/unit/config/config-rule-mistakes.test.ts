// Warnings about patterns: what is likely a mistake is named, and what is fine is not.
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { ruleMistakes } from '../../../src/config/rule-mistakes.js';
import { configSchema } from '../../../src/config/schema.js';

function mistakes(...rules: Record<string, unknown>[]): string[] {
  const named = rules.map((rule, i) => ({
    name: `r${i}`,
    ...(rule.durable === true ? {} : { ttl: '1h' }),
    ...rule,
  }));
  return ruleMistakes(compileConfig(configSchema.parse({ rules: named })).rules);
}

t.test('a rule that is never reached', async (t) => {
  const never = /no key reaches "r1", because "r0" matches all of its keys first/;
  for (const [first, second] of [
    ['*', 'session:*'],
    ['user:*', 'user:1:*'],
    ['user:**', 'user:?'],
    [
      ['a:*', 'b:*'],
      ['b:1', 'a:[xy]*'],
    ],
    ['x:*', 'x:*'],
  ]) {
    const found = mistakes({ match: first }, { match: second });
    t.equal(found.length, 1, `${first} before ${second}`);
    t.match(found[0], never);
  }
});

t.test('patterns that are no globs, or match one key', async (t) => {
  t.match(mistakes({ match: '^cache:.*$' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: 'user:\\d+' }), [/looks like a regular expression/]);
  t.same(mistakes({ match: 'cache.*' }, { match: 'app.*.session.*' }), [], 'dots are as good as colons');
  t.match(mistakes({ match: '.*cache' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: 'cache:' }), [
    /only the key "cache:": for all keys that begin with it, write "cache:\*"/,
  ]);
  t.match(mistakes({ match: 'bull:*', applyTo: 'all' }), [/their jobs expire/]);
});

t.test('too many without literal text, and too many warnings', async (t) => {
  const bare = Array.from({ length: 101 }, (_, i) => ({ match: `?${'?'.repeat(i)}[a-c]*` }));
  t.match(mistakes(...bare), [/101 patterns have no literal text/]);
  const wrong = Array.from({ length: 30 }, (_, i) => ({ match: `k${i}:` }));
  t.equal(mistakes(...wrong).length, 21);
});

t.test('what is fine', async (t) => {
  t.same(mistakes({ match: 'session:*' }, { match: '*' }), []);
  t.same(mistakes({ match: 'user:1:*' }, { match: 'user:*' }, { match: ['a', 'user', 'users:*'] }), []);
  t.same(mistakes({ match: '*:x' }, { match: 'a:x' }, { match: 'a?*' }, { match: 'ab*' }), []);
  t.same(mistakes({ match: 'a:*' }, { match: ['a:1', 'b:*'] }), [], 'one of its patterns is reached');
  t.same(mistakes({ match: 'bull:*' }, { match: 'cache.v1:*', applyTo: 'all' }, { match: 'a\\:' }), []);
});
