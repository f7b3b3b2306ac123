// How much memory SCAN can find.
import t from 'tap';
import type { Progress } from '../../../src/evict/hands.js';
import { Unlisted } from '../../../src/evict/unlisted.js';

const MB = 1024 * 1024;

interface Facts {
  listed?: number;
  dropped?: number;
  sampled?: number | undefined;
  unlinked?: number;
  usedBytes?: number;
}

/** One rule, whose ring has keys of 1 KB. */
function withUnlisted() {
  const unlisted = new Unlisted();
  const see = (now: number, facts: Facts = {}): number => {
    const { listed = 0, dropped = 0, unlinked = 0, usedBytes = 100 * MB } = facts;
    const sampled = 'sampled' in facts ? facts.sampled : 50 * MB;
    const known: Pick<Progress, 'stock' | 'ring'> = {
      stock: [{ slot: 1, keys: listed / 1024, bytes: listed, oldestMs: 0 }],
      ring: { keys: listed / 1024, bytes: 0, capacityBytes: 0, dropped },
    };
    unlisted.see(known, { slots: [1], sampled: () => sampled, unlinked, usedBytes }, now);
    return unlisted.bytes;
  };
  return { unlisted, see };
}

t.test('the first estimate is what random keys say, without what the rings know', async (t) => {
  const { see } = withUnlisted();
  t.equal(see(0, { sampled: undefined }), 0, 'they have said nothing');
  t.equal(see(1, { listed: 20 * MB }), 30 * MB);
  t.equal(withUnlisted().see(0, { listed: 60 * MB }), 0, 'the rings know more');
});

t.test('what SCAN unlinks and what a ring forgets counts at once', async (t) => {
  const { see } = withUnlisted();
  see(0);
  t.equal(see(0, { unlinked: 10 * MB }), 40 * MB);
  t.equal(see(0, { unlinked: 10 * MB, listed: MB, dropped: 1024 }), 41 * MB);
  t.equal(see(0, { unlinked: 10 * MB, listed: MB, dropped: 0 }), 41 * MB, 'a worker ended, and its sum');
});

t.test('the scatter of random keys is no growth; a lasting change is followed', async (t) => {
  const { see } = withUnlisted();
  see(0);
  let before = 50 * MB;
  for (let now = 250; now < 5000; now += 250) {
    const bytes = see(now, { sampled: (now % 500 === 0 ? 45 : 55) * MB });
    t.ok(Math.abs(bytes - before) < 0.3 * MB, `${bytes} after ${before}`);
    before = bytes;
  }
  for (let now = 5000; now < 60_000; now += 250) before = see(now, { sampled: 10 * MB });
  t.ok(before < 11 * MB, `${before}`);
});

t.test('the estimate is never below 0, above used memory, or kept when other rules apply', async (t) => {
  const { unlisted, see } = withUnlisted();
  t.equal(see(0, { usedBytes: 20 * MB }), 20 * MB);
  t.equal(see(0, { unlinked: 90 * MB }), 0);
  see(10_000);
  unlisted.startOver();
  t.equal(unlisted.bytes, 0);
});
