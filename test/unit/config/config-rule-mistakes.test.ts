// Warnings about patterns: what is likely a mistake is named, and what is fine is not.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { renewMistakes } from '../../../src/config/renew-mistakes.js';
import { ruleMistakes } from '../../../src/config/rule-mistakes.js';
import { configSchema } from '../../../src/config/schema.js';
import { atOnce } from '../../../src/core/policy/slices.js';

/** Of rules on a Redis that no job system uses. */
function mistakes(...rules: Record<string, unknown>[]): string[] {
  return mistakesWith('off', ...rules);
}

function mistakesWith(families: unknown, ...rules: Record<string, unknown>[]): string[] {
  const named = rules.map((rule, i) => ({
    name: `r${i}`,
    ...(rule.durable === true || rule.family !== undefined ? {} : { ttl: '1h' }),
    ...rule,
  }));
  const config = compileConfig(configSchema.parse({ rules: named, families }));
  return atOnce(ruleMistakes(config.rules, config.families));
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
    ['*:x', 'a:x'],
    ['a?*', 'ab*'],
    ['user:[a-z]*', 'user:[bc]:*'],
    ['*cart*', '*:cart:*'],
  ]) {
    const found = mistakes({ match: first }, { match: second });
    t.equal(found.length, 1, `${first} before ${second}`);
    t.match(found[0], never);
  }
});

t.test('a rule for a database or user that is never reached', async (t) => {
  const never = /no key reaches "r1", because "r0" matches all of its keys first/;
  for (const [first, second] of [
    [{ match: '*' }, { db: 1 }],
    [{ db: [1, 2] }, { db: 2, match: 'a:*' }],
    [{ db: 1 }, { db: 1, user: 'app' }],
    [
      { user: ['app', 'jobs'], match: 'a*' },
      { user: 'app', match: 'ab*' },
    ],
    [
      { match: '*:x', db: 1 },
      { match: 'a:x', db: 1 },
    ],
  ]) {
    const found = mistakes(first, second);
    t.equal(found.length, 1, `${JSON.stringify(first)} before ${JSON.stringify(second)}`);
    t.match(found[0], never);
  }
  for (const [first, second] of [
    [{ db: 1 }, { match: '*' }],
    [{ db: 1 }, { db: [1, 2] }],
    [{ db: 1 }, { user: 'app' }],
    [{ db: 1, user: 'app' }, { db: 1 }],
    [{ match: '*:x', db: 1 }, { match: 'a:x' }],
  ]) {
    t.same(mistakes(first, second), [], `${JSON.stringify(first)} before ${JSON.stringify(second)}`);
  }
  const third = mistakes({ db: 1 }, { db: 2 }, { db: 2, match: 'x:*' });
  t.match(third, [/no key reaches "r2", because "r1" matches/]);
});

t.test('a rule for all keys of a database is not taken for a job system', async (t) => {
  t.same(mistakesWith('auto', { db: 1, applyTo: 'all' }), []);
  t.match(mistakesWith('auto', { db: 1 }, { match: '*' }), [/"r1" matches every key/]);
});

t.test('a durable rule behind one that gives TTLs', async (t) => {
  const behind = mistakes({ match: '*' }, { match: 'session:*', durable: true });
  t.equal(behind.length, 1);
  t.match(behind[0], /no key reaches "r1", because "r0" .* gives them a TTL, although they are durable/);
  t.match(mistakes({ match: 'user:*' }, { match: ['order:*', 'user:1:*'], durable: true }), [
    /"r1" is durable, but "r0" matches "user:1:\*" first and gives these keys a TTL/,
  ]);
  t.same(mistakes({ match: 'user:*', durable: true }, { match: ['order:*', 'user:1:*'], durable: true }), []);
});

t.test('patterns that are no globs, or match one key', async (t) => {
  t.match(mistakes({ match: '^cache:.*$' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: 'user:\\d+' }), [/looks like a regular expression/]);
  t.same(mistakes({ match: 'cache.*' }, { match: 'app.*.session.*' }), [], 'dots are as good as colons');
  t.match(mistakes({ match: '.*cache' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: 'cache:' }), [
    /only the key "cache:": for all keys that begin with it, write "cache:\*"/,
  ]);
  t.match(mistakes({ match: 'user:.*' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: 'user:[0-9]+' }), [/looks like a regular expression/]);
  t.match(mistakes({ match: '{cache,tmp}:*' }), [/braces stand for themselves/]);
  t.same(mistakes({ match: '{user1}:*' }), [], 'a hash tag');
  for (const open of ['user:[abc', 'user:[a-]*', 'x[_-]y*', 'a[^b', 'a[\\]', '[']) {
    t.match(mistakes({ match: open }), [/a "\[" is never closed/], open);
  }
  for (const closed of ['user:[abc]*', '[-_]x', 'a\\[b', '[a\\]]*', '[]b', '[^]b'])
    t.same(mistakes({ match: closed }), [], closed);
});

t.test('too many without literal text, and too many warnings', async (t) => {
  const bare = Array.from({ length: 101 }, (_, i) => ({ match: `?${'?'.repeat(i)}[a-c]*` }));
  t.match(mistakes(...bare), [/101 patterns have no literal text/]);
  const wrong = Array.from({ length: 30 }, (_, i) => ({ match: `k${i}:` }));
  t.equal(mistakes(...wrong).length, 21);
});

t.test('patterns that get no warning', async (t) => {
  t.same(mistakes({ match: 'session:*' }, { match: '*' }), []);
  t.same(mistakes({ match: 'user:1:*' }, { match: 'user:*' }, { match: ['a', 'user', 'users:*'] }), []);
  t.same(mistakes({ match: 'a:x' }, { match: '*:x' }, { match: 'ab*' }, { match: 'a?*' }), []);
  t.same(mistakes({ match: 'a:*' }, { match: ['a:1', 'b:*'] }), [], 'one of its patterns is reached');
  t.same(mistakes({ match: 'cache.v1:*', applyTo: 'all' }, { match: 'a\\:' }), []);
});

t.test('TTLs over the keys of a job system', async (t) => {
  t.match(mistakes({ match: 'bull:*', applyTo: 'all' }), [
    /"r0" gives TTLs to lists, hashes and sets that belong to Bull and BullMQ .* use "family": "bull"/,
  ]);
  t.match(mistakes({ match: 'bull:mail:*' }), [/"r0" gives TTLs to strings that belong to Bull/]);
  t.match(mistakes({ match: 'r*', applyTo: 'all' }), [
    /belong to Sidekiq/,
    /belong to RQ/,
    /belong to Resque/,
  ]);
  t.same(mistakes({ match: 'r*' }), [], 'as wide as that it names no job system');
  t.same(mistakes({ match: 'retries:*' }, { match: 'queue' }), []);
});

t.test('a rule that evicts keys of a family', async (t) => {
  const evicts = /"r0" evicts keys of Sidekiq if it uses this Redis, and jobs are lost; take "evict" away/;
  t.match(mistakesWith('auto', { family: 'sidekiq', evict: true }), [evicts]);
  t.ok(mistakesWith('auto', { match: 'queue:*', evict: true }).some((line) => evicts.test(line)));
  t.match(mistakesWith(['rq'], { match: '*', evict: true }), [
    /so it may evict jobs and hides the built-in rules/,
  ]);
  t.same(mistakesWith('auto', { match: 'cache:*', evict: true }), []);
});

t.test('a rule that names a part of a family', async (t) => {
  const critical = { durable: true, priority: 'critical' };
  const part =
    /"r0" names only a part of the keys of Sidekiq: it has priority critical, but "queues" has normal/;
  t.match(mistakes({ match: 'queue:*', ...critical }), [part], 'without the built-in rules');
  t.match(mistakesWith(['rq'], { match: 'queue:*', ...critical }), [part]);
  t.same(mistakesWith('auto', { match: 'queue:*', ...critical }), [], 'the built-in rule has the rest');
  t.match(mistakesWith('auto', { match: 'queue:*', durable: true }), [
    /"r0" names only a part of .*Sidekiq: it has priority normal, but "queues" has critical/,
  ]);
  t.match(mistakesWith('auto', { match: 'bull:mail:*', durable: true, priority: 'high' }), [
    /"r0" names only a part of the keys of Bull/,
  ]);
  const whole = { match: ['bull:*', '{bull}:*'], durable: true, priority: 'low' };
  t.same(mistakesWith('auto', whole), [], 'all of them');
  t.same(mistakesWith('auto', { family: 'sidekiq', priority: 'high' }), []);
  t.match(mistakesWith('auto', { match: 'queue:*', ...critical }, { family: 'sidekiq', priority: 'high' }), [
    /"r0" names only a part .* critical, but "queues" has high/,
  ]);
});

t.test('a rule for every key hides the built-in ones', async (t) => {
  const [said, ...others] = mistakesWith('auto', { match: 'session:*' }, { match: '*', applyTo: 'all' });
  t.match(said, /"r1" matches every key, so it gives .* TTL and hides .*\(Sidekiq, Celery, RQ, .*, arq\)/);
  t.same(others, []);
  t.match(mistakesWith(['rq', 'arq'], { family: 'rq' }, { match: '*' }), [
    /job systems \(arq\).*"family": "arq"/,
  ]);
  t.same(mistakesWith(['rq'], { family: 'rq' }, { match: '*' }), []);
  t.same(mistakesWith('off', { match: '*' }), []);
  t.same(mistakesWith('auto', { match: '*', durable: true, priority: 'critical' }), []);
});

t.test('the shipped rules, and lists of thousands', async (t) => {
  const shipped = JSON.parse(readFileSync('proxy.config.json', 'utf8')) as { rules: object[] };
  const config = compileConfig(configSchema.parse({ rules: shipped.rules }));
  t.same(atOnce(ruleMistakes(config.rules, config.families)), []);
  const many = Array.from({ length: 5000 }, (_, i) => ({ match: `*x${i}y*` }));
  t.same(mistakes(...many), []);
});

t.test('TTLs that are renewed, and workers of which each renews its own', async (t) => {
  const of = (workers: number, ...rules: Record<string, unknown>[]) => {
    const named = rules.map((rule, i) => ({ name: `r${i}`, match: `${i}:*`, ttl: '1h', ...rule }));
    return renewMistakes(compileConfig(configSchema.parse({ rules: named, workers })).rules, workers);
  };
  t.same(of(1, { renew: true }), []);
  t.same(of(2, {}, { applyTo: 'all' }), []);
  t.match(of(2, { renew: true }), [/"r0" renews its TTL, but each of the 2 workers/]);
  t.match(of(4, { renew: true }, {}, { renew: true }), [/"r0", "r2" renew their TTLs/]);
});
