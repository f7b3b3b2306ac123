// What is asked about keys before they are unlinked, and what each answer means.
import t from 'tap';
import type { Candidate } from '../../../src/evict/candidates.js';
import { KeyInquiry } from '../../../src/evict/key-inquiry.js';
import type { Link, Question } from '../../../src/evict/link.js';
import type { Reply } from '../../../src/tools/keyspace/pipe.js';

const OTHER_POLICY = new Error(
  'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
);

/** `answer`: to MEMORY USAGE, OBJECT IDLETIME or OBJECT FREQ of a key. */
function lab(answer: (what: string, key: string) => Reply, { mayAsk = true, asksAll = false } = {}) {
  const state = { now: 100_000, questions: 0 };
  const asked: string[] = [];
  const again: string[] = [];
  const learnt: number[] = [];
  const refused: Error[] = [];
  const link = {
    mayAsk,
    refused: (error: Error) => refused.push(error),
    async ask({ bytes, count }: Question): Promise<readonly Reply[]> {
      const words = bytes
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1)
        .map((text) => text.split('\r\n').filter((_, i) => i % 2 === 1));
      t.equal(words.length, count);
      return words.map(([, what, key]) => {
        asked.push(`${what} ${key}`);
        return answer(String(what), String(key));
      });
    },
  } as unknown as Link;
  const inquiry = new KeyInquiry({
    source: {
      again: ({ key }) => again.push(String(key)),
      learn: (_slot, bytes) => learnt.push(bytes),
    },
    clock: () => state.now,
    asksAll,
  });
  const due = async (...keys: readonly (readonly [key: string, bytes: number, age: number])[]) => {
    const taken = keys.map(
      ([key, bytes, age]): Candidate => ({
        db: 0,
        key: Buffer.from(key),
        slot: 1,
        bytes,
        at: state.now - age,
      }),
    );
    return (await inquiry.due(link, taken)).map(({ candidate, bytes }) => `${candidate.key} ${bytes}`);
  };
  return { state, asked, again, learnt, refused, inquiry, due };
}

t.test('a size is asked only where it is unknown, a read only of keys that are old enough', async (t) => {
  const { due, asked, again, learnt } = lab((what, key) => (what === 'USAGE' ? 77 : key === 'read' ? 0 : 60));
  t.same(await due(['young', 10, 3999], ['old', 20, 4000], ['read', 30, 9000], ['large', 0, 0]), [
    'young 10',
    'old 20',
    'large 77',
  ]);
  t.same(asked, ['IDLETIME old', 'IDLETIME read', 'USAGE large']);
  t.same({ again, learnt }, { again: ['read'], learnt: [77] });
});

t.test('a key that is gone is neither unlinked nor kept', async (t) => {
  const { due, again } = lab((what, key) => (key === what ? null : 60));
  t.same(await due(['USAGE', 0, 9000], ['IDLETIME', 5, 9000], ['there', 5, 9000]), ['there 5']);
  t.same(again, []);
});

t.test('age alone decides if that is urgent, or if the server has no OBJECT', async (t) => {
  const one = lab(() => 0);
  one.inquiry.urgent = true;
  t.same(await one.due(['a', 5, 9000]), ['a 5']);
  const other = lab(() => 0, { mayAsk: false });
  t.same(await other.due(['a', 5, 9000]), ['a 5']);
  t.same([...one.asked, ...other.asked], []);
});

t.test('another policy of the server: the other question, at once and from then on, and back', async (t) => {
  let lfu = true;
  const { due, asked } = lab((what) => ((what === 'FREQ') === lfu ? (lfu ? 0 : 60) : OTHER_POLICY));
  t.same(await due(['a', 5, 9000]), ['a 5']);
  t.same(await due(['b', 5, 9000]), ['b 5']);
  lfu = false;
  t.same(await due(['c', 5, 9000]), ['c 5']);
  t.same(asked, ['IDLETIME a', 'FREQ a', 'FREQ b', 'FREQ c', 'IDLETIME c']);
});

t.test('a right that is missing ends the link, and nothing is unlinked', async (t) => {
  const denied = new Error("NOPERM this user has no permissions to run the 'object|idletime' command");
  const { due, refused } = lab(() => denied);
  await t.rejects(due(['a', 5, 9000]), denied);
  t.same(refused, [denied]);
});

t.test('an error about one key does not keep it', async (t) => {
  const { due, again } = lab(() => new Error('ERR something'));
  t.same(await due(['a', 5, 9000]), ['a 5']);
  t.same(again, []);
});

t.test('at most 1,000 questions whether a key was read at a time, and 10 in a millisecond', async (t) => {
  const { due, asked, state } = lab(() => 60, { asksAll: true });
  const many = Array.from({ length: 1500 }, (_, i) => [`k${i}`, 5, 50_000] as const);
  t.equal((await due(...many)).length, 1500, 'age decides for the others');
  t.equal(asked.length, 1000);
  state.now += 20;
  await due(...many);
  t.equal(asked.length, 1200);
  state.now += 10_000;
  await due(...many);
  t.equal(asked.length, 2200);
});

t.test(
  'of a rule of which hardly any key was read, one key in eight is asked about, unless all are to be',
  async (t) => {
    for (const asksAll of [false, true]) {
      const { due, asked, state } = lab(() => 60, { asksAll });
      const some = Array.from({ length: 1000 }, (_, i) => [`k${i}`, 5, 50_000] as const);
      for (let i = 0; i < 3; i++) {
        await due(...some);
        await due(...some.slice(0, 1));
        state.now += 1000;
      }
      const before = asked.length;
      t.equal((await due(...some)).length, 1000);
      t.equal(asked.length - before, asksAll ? 1000 : 125);
    }
  },
);
