// Fields that have a key each: what is taken for fields, and where one hash of them is proposed.
import fc from 'fast-check';
import t from 'tap';
import type { GroupAnalysis } from '../../src/analyze/analysis.js';
import type { Facts } from '../../src/doctor/facts.js';
import { FieldTally } from '../../src/doctor/fields.js';
import { found, MB, mendOf } from '../support/doctor-facts.js';

function tallied(...keys: string[]): Record<string, Record<string, number>> {
  const tally = new FieldTally();
  for (const key of keys) tally.note(Buffer.from(key));
  return Object.fromEntries([...tally.fields].map(([name, words]) => [name, Object.fromEntries(words)]));
}

t.test('words behind an id are fields', (t) => {
  t.same(tallied('user:1:name', 'user:2:name', 'user:1:e-mail', 'user:3'), {
    'user:*:*': { name: 2, 'e-mail': 1 },
  });
  t.same(tallied('img/user132/thumb', 'img/user133/full'), { 'img/user*/*': { thumb: 1, full: 1 } });
  t.same(tallied('user:1:name', 'user:1:17'), {}, 'another id is none');
  t.same(tallied('user:1:name', 'user:1:17', 'user:1:name'), {}, 'and none will be');
  t.same(tallied('page:home:title', 'page:about:title'), {}, 'no id is in front');
  t.same(tallied('user:1:', 'cart:1:naïve', `cart:2:${'x'.repeat(40)}`), {});
  t.end();
});

t.test('it is bounded', (t) => {
  const words = (count: number) => Array.from({ length: count }, (_, i) => 'w'.repeat(i + 1));
  t.same(Object.keys(tallied(...words(32).map((word) => `a:1:${word}`))), ['a:*:*']);
  t.same(tallied(...words(32).map((word) => `a:1:${word}`), 'a:1:other'), {}, 'too many different words');
  const apps = Array.from({ length: 2000 }, (_, i) => {
    const name = [...String(i)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    return `${name}:1:name`;
  });
  t.equal(Object.keys(tallied(...apps)).length, 1000);
  t.end();
});

t.test('no key is too strange', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (keys) => {
      const tally = new FieldTally();
      for (const key of keys) tally.note(Buffer.from(key));
      return [...tally.fields.values()].every((words) => words.size > 0 && words.size <= 32);
    }),
  );
  t.end();
});

/** A million keys, `user:ID:name` and the like; by default in a quarter each. */
function fields(
  group: Partial<GroupAnalysis> = {},
  counts: Record<string, number> = { name: 25, email: 25, age: 25, city: 25 },
): Partial<Facts> {
  const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });
  const whole = {
    name: 'user:*:*',
    by: 'pattern',
    keys: exactly(1_000_000),
    withoutTtl: exactly(1_000_000),
    averageBytes: 72,
    types: { string: 1 },
    ...group,
  };
  return {
    keys: { groups: [whole], biggest: {} } as unknown as NonNullable<Facts['keys']>,
    fields: new Map([['user:*:*', new Map(Object.entries(counts))]]),
  };
}

t.test('one hash is proposed where it would take noticeably less', (t) => {
  const notice = ['notice fields-as-keys'];
  t.same(found({}, fields()), notice, 'three quarters of a million keys fewer');
  t.match(
    mendOf('fields-as-keys', {}, fields()),
    /^redis-cli .* HSET user:ID name VALUE email VALUE age VALUE {3}#/,
  );
  t.match(
    mendOf('fields-as-keys', { role: 'slave' }, fields()),
    /^# on its primary: redis-cli HSET /,
    'a replica would refuse it',
  );
  t.same(found({ used_memory: 900 * MB }, fields()), [], 'what it saves is too little of the whole');
  t.same(found({}, fields({}, { name: 100 })), [], 'one field each');
  t.same(found({}, fields({}, { name: 99, email: 1 })), [], 'hardly anything has more than one');
  t.same(found({}, fields({}, { name: 9, email: 9 })), [], 'too few looked at');
  t.same(found({}, fields({ averageBytes: 200 })), [], 'values that are not small');
  t.same(found({}, fields({ types: { string: 0.9, hash: 0.1 } })), []);
  const some = (estimate: number) => ({ withoutTtl: { estimate, low: estimate, high: estimate } });
  t.same(found({}, fields(some(500_000))), [], 'some have a TTL, others none');
  t.same(found({}, fields(some(0))), notice);
  t.same(found({}, { ...fields(), fields: new Map() }), []);
  t.end();
});
