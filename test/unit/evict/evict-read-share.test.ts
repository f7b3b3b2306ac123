// Which keys are asked about before they go.
import t from 'tap';
import { ReadShare } from '../../../src/evict/read-share.js';
import { seeded } from '../../support/random.js';

/** Of so many keys, of which every `one`-th was read, how many are asked about, and how many of the read ones go unasked. */
function run(reads: ReadShare, slot: number, keys: number, share: number): { asked: number; lost: number } {
  const random = seeded(7);
  let [asked, lost] = [0, 0];
  for (let i = 0; i < keys; i++) {
    const wasRead = random() < share;
    if (reads.asks(slot)) {
      asked++;
      reads.learn(slot, wasRead);
    } else if (wasRead) lost++;
  }
  return { asked, lost };
}

t.test('if no key was read, a sample of the keys is asked about', async (t) => {
  const reads = new ReadShare();
  run(reads, 3, 3000, 0);
  t.equal(run(reads, 3, 8000, 0).asked, 1000);
});

t.test('keys of an unknown rule are asked about, whatever other rules are like', async (t) => {
  const reads = new ReadShare();
  run(reads, 3, 3000, 0);
  t.equal(run(reads, 4, 100, 0).asked, 100);
  t.equal(run(reads, 1, 100, 0).asked, 100);
});

t.test('if one key in twenty was read, hardly any of them is removed unasked', async (t) => {
  const { lost } = run(new ReadShare(), 1, 100_000, 0.05);
  t.ok(lost < 0.02 * 5000, `${lost} of 5,000`);
});

t.test('reads that begin are noticed within a few keys', async (t) => {
  const reads = new ReadShare();
  run(reads, 1, 10_000, 0);
  const { lost } = run(reads, 1, 1000, 0.5);
  t.ok(lost < 40, `${lost} of some 500`);
});

t.test('whatever share of the keys was read, few read keys are removed', async (t) => {
  for (const share of [0.001, 0.003, 0.005, 0.01, 0.03]) {
    const { lost } = run(new ReadShare(), 1, 200_000, share);
    t.ok(lost < 0.002 * 200_000, `${lost} of 200,000 at ${share}`);
  }
});
