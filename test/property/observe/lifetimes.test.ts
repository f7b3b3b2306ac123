// How long keys live before they are evicted, from what random keys have left of their TTL, against models whose answer is known.
import t from 'tap';
import { Lifetimes } from '../../../src/observe/holders/lifetimes.js';
import { seeded } from '../../support/random.js';

const HOUR = 3_600_000;
const RUNS = Number(process.env.RUNS ?? 20);

/** The age of a random living key, where keys live so long in the mean. */
type Ages = (random: () => number, livesMs: number) => number;
/** Evicted in the order of their age: each age up to the life is as likely. */
const inOrder: Ages = (random, lives) => random() * lives;
/** Any may be evicted. */
const any: Ages = (random, lives) => Math.min(HOUR, -lives * Math.log(1 - random()));

function look(ages: Ages, livesMs: number, keys: number, seed: number, given = HOUR, ttlMs = HOUR) {
  const random = seeded(seed);
  const lifetimes = new Lifetimes<string>();
  for (let i = 0; i < keys; i++) lifetimes.add('cache', given - ages(random, livesMs), i * 50);
  return lifetimes.of('cache', ttlMs, 0, keys * 50);
}

/** Mean of what is said over many runs, as a multiple of the truth; and how often the error covers `expected`. */
function over(ages: Ages, livesMs: number, keys: number, expected: number) {
  let [sum, covered] = [0, 0];
  for (let seed = 1; seed <= RUNS; seed++) {
    const { livesSeconds = 0, errorSeconds = 0 } = look(ages, livesMs, keys, seed) ?? {};
    sum += (livesSeconds * 1000) / livesMs;
    if (Math.abs(livesSeconds * 1000 - livesMs * expected) <= errorSeconds * 1000) covered++;
  }
  return { mean: sum / RUNS, covered: covered / RUNS };
}

t.test('keys that go in the order of their age', async (t) => {
  for (const minutes of [1, 4, 20]) {
    const { mean, covered } = over(inOrder, minutes * 60_000, 400, 1);
    t.ok(Math.abs(mean - 1) < 0.05, `${minutes} min: ${mean}`);
    t.ok(covered >= 0.85, `${covered} within the error`);
  }
});

t.test('any may go: some 15% too long', async (t) => {
  const { mean, covered } = over(any, 240_000, 400, 1.15);
  t.ok(mean > 1.05 && mean < 1.25, `${mean}`);
  t.ok(covered >= 0.85, `${covered} within the error`);
});

t.test("the TTL is the rule's, or the longest that is left", async (t) => {
  t.equal(look(inOrder, 240_000, 200, 1)?.ofSeconds, 3600);
  const longer = look(inOrder, 240_000, 200, 1, 2 * HOUR);
  t.ok(Math.abs((longer?.ofSeconds ?? 0) - 7200) < 10, 'the application gives longer ones');
  const shorter = look(inOrder, 60_000, 200, 1, HOUR / 6);
  t.ok(Math.abs((shorter?.ofSeconds ?? 0) - 600) < 5, 'or shorter ones');
  t.ok(Math.abs((shorter?.livesSeconds ?? 0) - 60) < 20);
  t.ok(Math.abs((look(inOrder, 240_000, 200, 1, HOUR, 0)?.ofSeconds ?? 0) - 3600) < 10, 'no rule');
  t.equal(look(inOrder, HOUR, 400, 1)?.ofSeconds, 3600);
});

t.test('nothing is said without enough keys, of old keys, or where TTLs differ', async (t) => {
  t.equal(look(inOrder, 240_000, 63, 1), null);
  t.equal(new Lifetimes<string>().of('other', HOUR, 0, 0), null);
  const lifetimes = new Lifetimes<string>();
  const random = seeded(3);
  for (let i = 0; i < 300; i++)
    lifetimes.add('mixed', (i % 3 === 0 ? HOUR : HOUR / 12) - random() * 60_000, 0);
  t.equal(lifetimes.of('mixed', HOUR, 0, 0), null, 'most have a short one, some a long one');
  for (let i = 0; i < 300; i++)
    lifetimes.add('spread', HOUR * (1 + 0.2 * (random() - 0.5)) - random() * 60_000, 0);
  t.equal(
    lifetimes.of('spread', HOUR, 0.2 * HOUR, 0),
    null,
    'a rule whose TTLs differ by more than keys live',
  );
  t.equal(look(inOrder, 240_000, 200, 1)?.ofSeconds, 3600);
  for (let i = 0; i < 100; i++) lifetimes.add('old', HOUR, 0);
  t.equal(lifetimes.of('old', HOUR, 0, 300_001), null);
});

t.test('groups are bounded', async (t) => {
  const lifetimes = new Lifetimes<number>();
  for (let i = 0; i < 100_000; i++) lifetimes.add(i % 1000, HOUR - i, i);
  t.ok(lifetimes.of(5, HOUR, 0, 100_000));
  t.equal(lifetimes.of(900, HOUR, 0, 100_000), null);
});
