// Which rules count as steady: only what is known not to grow.
import t from 'tap';
import { NOTHING } from '../../../src/observe/holders/population.js';
import { type Looked, Steadiness } from '../../../src/observe/holders/steadiness.js';
import { TrackedKeys } from '../../../src/observe/holders/tracked-keys.js';

const LIMIT = 1e9;
const none: Looked = {
  limitBytes: LIMIT,
  tracked: () => undefined,
  recent: () => undefined,
  earlier: () => undefined,
};
const held = (bytes: number, errorBytes: number) => () => ({ ...NOTHING, bytes, errorBytes });
const tracked = (baseBytes: number, grownBytes: number) => () => ({ baseBytes, grownBytes });

/** Whether a rule is steady after two minutes in which it wrote so much each second, to so many names that are new. */
function after(perSecond: number, newKeys: number, looked: Partial<Looked>, seconds = 120): boolean {
  const steadiness = new Steadiness();
  let steady = false;
  for (let s = 0; s <= seconds; s++) {
    const rule = { slot: 1, writes: 100 * s, bytes: perSecond * s, distinctKeys: 10 + newKeys * s };
    steady = steadiness.look([rule], { ...none, ...looked }, 1000 * s).includes(1);
  }
  return steady;
}

t.test('a rule that only changes its keys is steady, once it was watched for a minute', async (t) => {
  const zset = { tracked: tracked(1e6, 0) };
  t.ok(after(1e6, 0, zset));
  t.notOk(after(1e6, 0, zset, 50));
  t.ok(after(1e6, 0, { ...zset, recent: held(1e6, 1e6), earlier: held(1e6, 1e6) }));
});

t.test('a rule that writes next to nothing is steady', async (t) => {
  t.ok(after(1000, 1, {}));
  t.notOk(after(1000, 1000, {}), 'but not one that makes many keys');
  t.notOk(after(1e6, 0, {}), 'nor one that writes much, of which nothing was looked at');
});

t.test('a rule whose keys grow is not steady', async (t) => {
  t.notOk(after(1e6, 0, { tracked: tracked(1e6, 1e5) }), 'a list that is a tenth longer');
  t.notOk(after(1e6, 0, { tracked: tracked(1e9, 1e7) }), 'a large one that is a little longer');
  t.ok(after(1e6, 0, { tracked: tracked(1e6, 1e4) }), 'what sampling of its elements makes of it');
  t.ok(after(1e6, 0, { tracked: tracked(1e6, -5e5) }), 'it got smaller');
});

t.test('a rule that makes new keys is steady only where random keys show it', async (t) => {
  const still = { tracked: tracked(1e4, 0) };
  t.notOk(after(1e6, 1000, still));
  t.notOk(
    after(1e6, 1000, { ...still, recent: held(3e8, 1e7), earlier: held(3e8, 1e7) }),
    'the error is large',
  );
  t.ok(
    after(1e6, 1000, { ...still, recent: held(3e8, 4e6), earlier: held(3e8, 4e6) }),
    'what ends makes up for it',
  );
  t.notOk(after(1e6, 1000, { ...still, recent: held(3.2e8, 4e6), earlier: held(3e8, 4e6) }), 'it grew');
  t.notOk(
    after(1e6, 0, { ...still, recent: held(3.2e8, 4e6), earlier: held(3e8, 4e6) }),
    'by keys it wrote before',
  );
});

t.test('a rule that begins to grow is no longer steady within seconds', async (t) => {
  const steadiness = new Steadiness();
  const looked = { ...none, tracked: tracked(1e6, 0) };
  const look = (s: number, bytes: number, distinctKeys: number) =>
    steadiness.look([{ slot: 1, writes: s, bytes, distinctKeys }], looked, 1000 * s).includes(1);
  for (let s = 0; s <= 120; s++) look(s, 1e6 * s, 5);
  t.ok(look(121, 1.21e8, 5));
  t.notOk(look(123, 1.23e8, 2005), 'names that nobody wrote before');
  t.same(steadiness.look([], looked, 200_000), [], 'a rule that is gone');
});

t.test('keys that are looked at: how they grow, and which give way', async (t) => {
  const keys = new TrackedKeys<number>();
  keys.largeBytes = 1e6;
  const key = (name: string | number) => Buffer.from(`key:${name}`);
  for (let i = 0; i < 20; i++) keys.pick(1, key(i), 0);
  t.equal(keys.size, 8, 'so many of a rule');
  t.same(keys.due(100, 100), [], 'what was written is not there yet');
  const measure = (bytes: (name: string) => number, now: number) => {
    for (const one of keys.due(100, now)) keys.measured(one, 0, bytes(String(one.key)), false, now);
  };
  measure(() => 1000, 1000);
  t.equal(keys.growthOf(1, 1000), undefined, 'looked at once');
  t.same(keys.due(100, 2000), [], 'not again so soon');
  measure(() => 1000, 6000);
  measure(() => 1100, 11_000);
  t.same(keys.growthOf(1, 11_000), { baseBytes: 8000, grownBytes: 800 });
  for (let now = 16_000; now < 120_000; now += 5000) measure(() => 1100, now);
  t.equal(keys.growthOf(1, 120_000)?.grownBytes, 0, 'what they grew by long ago');
  t.equal(keys.growthOf(2, 120_000), undefined);
  keys.pick(1, key(0), 120_000);
  keys.pick(1, key('new'), 120_000);
  keys.pick(1, key('newer'), 120_000);
  t.equal(keys.size, 8);
  keys.seen(1, key('large'), 0, 2e6, true, 120_000);
  t.equal(keys.size, 9, 'a large one has a place of its own');
  t.same(
    keys.large().map(({ bytes, expiring }) => ({ bytes, expiring })),
    [{ bytes: 2e6, expiring: true }],
  );
  measure((name) => (name === 'key:large' ? -1 : 1000), 126_000);
  t.same(keys.large(), [], 'it is gone');
  for (let i = 0; i < 5000; i++) keys.pick(i, key(`of ${i}`), 200_000);
  t.ok(keys.size <= 512, `${keys.size}`);
});
