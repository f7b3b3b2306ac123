// Fields that have a key each: what is taken for fields, and where one hash of them is proposed.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import type { GroupAnalysis } from '../../../src/tools/analyze/analysis.js';
import type { Facts } from '../../../src/tools/doctor/facts.js';
import { FieldTally } from '../../../src/tools/doctor/fields.js';
import { type KeyCommand, keyCommand } from '../../../src/tools/keyspace/batch.js';
import { found, MB, mendOf } from '../../support/doctor-facts.js';

const lengthAsked = (command: KeyCommand) => isDeepStrictEqual(command, keyCommand(['STRLEN']));

/** What is found where just these keys are, each noted often enough to be looked at. */
async function tallied(...keys: string[]) {
  const tally = new FieldTally();
  for (let i = 0; i < 20; i++) for (const key of keys) tally.note(Buffer.from(key));
  const there = new Set(keys);
  const fields = await tally.fields(async (questions) => {
    return questions.map(({ key, command }) => {
      if (!there.has(key.toString())) return 0;
      return lengthAsked(command) ? 3 : 1;
    });
  });
  return Object.fromEntries(
    [...fields].map(([name, { names, objectsPerKey }]) => [name, [...names, objectsPerKey]]),
  );
}

t.test('words behind an id are fields', async (t) => {
  t.same(await tallied('user:1:name', 'user:2:name', 'user:1:e-mail', 'user:2:e-mail', 'user:3'), {
    'user:*:*': ['name', 'e-mail', 0.5],
  });
  t.same(await tallied('img/user132/thumb', 'img/user132/full', 'img/user132/raw', 'img/user132/tiny'), {
    'img/user*/*': ['thumb', 'full', 'raw', 'tiny', 0.25],
  });
  t.same(await tallied('user:1:name'), {}, 'one field each');
  t.same(await tallied('user:1:name', 'user:1:mail', 'user:1:17'), {}, 'another id is none');
  t.same(await tallied('page:home:title', 'page:home:text'), {}, 'no id is in front');
  t.same(await tallied('user:1:', 'cart:1:naïve', `cart:2:${'x'.repeat(40)}`), {});
});

t.test('things that have one of several fields each are told apart', async (t) => {
  t.same(await tallied('doc:1:pdf', 'doc:2:html'), { 'doc:*:*': ['pdf', 'html', 1] });
});

t.test('the check for fields is bounded', async (t) => {
  const words = (count: number) => Array.from({ length: count }, (_, i) => `a:1:${'w'.repeat(i + 1)}`);
  t.same(Object.keys(await tallied(...words(32))), ['a:*:*']);
  t.same(await tallied(...words(33)), {}, 'too many different words');
  const tally = new FieldTally();
  for (let i = 0; i < 2000; i++) {
    const app = [...String(i)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    for (let j = 0; j < 20; j++) tally.note(Buffer.from(`${app}:${j}:${j % 2 === 0 ? 'name' : 'mail'}`));
  }
  let asked = 0;
  const fields = await tally.fields(async (questions) => {
    asked += questions.length;
    return questions.map(() => 1);
  });
  t.equal(fields.size, 10);
  t.equal(asked, 10 * 20 * 2);
});

t.test('no key is too strange', async (t) => {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 40 })).map(([id, last]) => {
      return Buffer.concat([Buffer.from(`a:${id}:`), last]);
    }),
    fc.tuple(fc.nat(), fc.constantFrom('name', 'mail')).map(([id, last]) => Buffer.from(`b:${id}:${last}`)),
  );
  let some = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(key), async (keys) => {
      const tally = new FieldTally();
      for (let i = 0; i < 20; i++) for (const each of keys) tally.note(Buffer.from(each));
      const fields = await tally.fields(async (questions) => questions.map(() => 0));
      some += fields.size;
      return [...fields.values()].every(
        ({ names, objectsPerKey }) => names.length > 1 && objectsPerKey === 1,
      );
    }),
  );
  t.ok(some > 0);
});

/** A million keys, `user:ID:name` and the like; by default four of a user. */
function fields(
  group: Partial<GroupAnalysis> = {},
  { objectsPerKey = 0.25, pairBytes = 17, longest = 20 } = {},
): Partial<Facts> {
  const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });
  const whole = {
    name: 'user:*:*',
    by: 'pattern',
    keys: exactly(1_000_000),
    withoutTtl: exactly(1_000_000),
    averageBytes: 72,
    bytes: exactly(72_000_000),
    withoutTtlBytes: 72_000_000,
    ttl: [],
    types: { string: 1 },
    ...group,
  };
  return {
    keys: { groups: [whole], biggest: {} } as unknown as NonNullable<Facts['keys']>,
    fields: new Map([
      ['user:*:*', { names: ['name', 'email', 'age', 'city'], objectsPerKey, pairBytes, longest }],
    ]),
  };
}

t.test('a hash is proposed where it takes noticeably less memory', (t) => {
  const notice = ['notice fields-as-keys'];
  t.same(found({}, fields()), notice, 'three quarters of a million keys fewer');
  t.match(
    mendOf('fields-as-keys', {}, fields()),
    /^# in the application: HSET user:ID name VALUE email VALUE age VALUE, /,
    'nothing that writes where it is pasted',
  );
  t.same(found({ used_memory: 900 * MB }, fields()), [], 'what it saves is too little of the whole');
  t.same(found({}, fields({}, { objectsPerKey: 1 })), [], 'one field each');
  t.same(found({}, fields({}, { objectsPerKey: 0.99 })), [], 'hardly anything has more than one');
  t.same(found({}, fields({ averageBytes: 200 })), [], 'values that are not small');
  t.same(found({}, fields({}, { pairBytes: 60 })), [], 'most of it is the values');
  t.same(found({}, fields({}, { longest: 64 })), notice);
  t.same(found({}, fields({}, { longest: 65 })), [], 'a hash with that would not be compact');
  const roomier: Partial<Facts> = { config: new Map([['hash-max-listpack-value', '128']]) };
  t.same(found({}, { ...fields({}, { longest: 65 }), ...roomier }), notice);
  t.same(found({}, fields({ types: { string: 0.9, hash: 0.1 } })), []);
  const some = (estimate: number) => ({ withoutTtl: { estimate, low: estimate, high: estimate } });
  t.same(found({}, fields(some(500_000))), [], 'some have a TTL, others none');
  t.same(found({}, fields(some(0))), notice);
  t.same(found({}, { ...fields(), fields: new Map() }), []);
  t.end();
});
