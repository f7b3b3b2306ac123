// What `npm run bench:policies` prints of its figures, which are made up here, and which ways it runs.
import t from 'tap';
import { drawGrowing, drawMixed } from '../../bench/policies/table.js';
import { WAYS, waysNamed } from '../../bench/policies/ways.js';

t.test('a table of what was written, refused and lost', async (t) => {
  const text = drawMixed([
    [
      'volatile-lru',
      {
        caches: { written: 1_670_180, refused: 0 },
        locks: { asked: 1000, kept: 417 },
        limits: { asked: 200, right: 91 },
        jobs: { asked: 1000, refused: 3 },
        memory: { low: 0.834, high: 0.999 },
        ownOom: 0,
        fault: undefined,
      },
    ],
  ]);
  const [head, rule, row, ...more] = text.split('\n');
  t.same(more, []);
  t.match(head, /^\| way +\| caches written \| caches refused \| locks still there \|/);
  t.match(rule, /^\|-+\|-+:\|/);
  t.match(
    row,
    /volatile-lru \| +1,670,180 \| +0 \| +417 of 1,000 \| +91 of 200 \| +3 of 1,000 \| +83% to 100%/,
  );
});

t.test('the first refusal: of whom, when, and how full the server was', async (t) => {
  const counts = { caches: 0, logs: 0, orders: 0, jobs: 5000 };
  const first = {
    caches: undefined,
    logs: { at: 41.46, committed: 0.8 },
    orders: undefined,
    jobs: undefined,
  };
  const looks = [10, 20, 30, 40].map((at) => ({
    at,
    full: null,
    logs: at === 30 ? 40 : 45 - at,
    orders: null,
  }));
  const figures = {
    ...{ first, accepted: counts, refused: counts, looks, ownOom: 7, seconds: 60.4, fault: undefined },
  };
  const row = drawGrowing([['x', figures]]).split('\n')[2];
  t.match(
    row,
    /x +\| +never \| +41\.5 s, 80% \| +never \| +never \| +5,000 \| +7 \| +60 \| +-, 1 of 3, - \|/,
  );
});

t.test('the ways are told apart by their names, and chosen by parts of them', async (t) => {
  t.equal(new Set(WAYS.map(({ name }) => name)).size, WAYS.length);
  const [direct, proxied] = waysNamed('volatile-lru');
  t.same([direct?.rules, direct?.policy, proxied?.policy], [undefined, 'volatile-lru', 'volatile-lru']);
  t.same(
    waysNamed('spillway, volatile-LRU').map(({ name }) => name),
    ['Spillway, volatile-lru'],
    'by its whole name',
  );
  t.equal(waysNamed('spillway').length, WAYS.filter(({ rules }) => rules !== undefined).length);
  t.throws(() => waysNamed('volatile-best'), /--only volatile-best: names none of "noeviction"/);
});
