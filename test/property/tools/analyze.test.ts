// The estimates against populations that are known; the list of the biggest keys against sorting all.
import fc from 'fast-check';
import t from 'tap';
import { createRandom, pick, type Random } from '../../../src/cli/demo/random.js';
import { Biggest } from '../../../src/tools/analyze/biggest.js';
import { estimateBytes, estimateCount } from '../../../src/tools/analyze/estimate.js';

const RUNS = 400;

/** How often the truth lies within the bounds, over samples drawn anew. */
function coverage(population: readonly number[], groups: number, sampled: number, random: Random): number {
  const known = population.reduce((sum, bytes) => sum + bytes, 0);
  const size = population.length;
  let inside = 0;
  for (let run = 0; run < RUNS; run++) {
    const drawn = shuffled(size, sampled, random);
    const group = run % groups;
    const mine = (i: number) => i % groups === group;
    const [sums, all] = [
      { bytes: 0, squares: 0 },
      { bytes: 0, squares: 0 },
    ];
    for (const i of drawn) {
      const bytes = population[i] as number;
      all.bytes += bytes;
      all.squares += bytes * bytes;
      if (!mine(i)) continue;
      sums.bytes += bytes;
      sums.squares += bytes * bytes;
    }
    const sample = { population: size, sampled };
    const bounds = estimateBytes(sample, sums, all, known);
    const truth = population.reduce((sum, bytes, i) => sum + (mine(i) ? bytes : 0), 0);
    if (bounds.low <= truth && truth <= bounds.high) inside++;
  }
  return inside / RUNS;
}

function shuffled(size: number, count: number, random: Random): number[] {
  const all = Array.from({ length: size }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + pick(random, size - i);
    [all[i], all[j]] = [all[j] as number, all[i] as number];
  }
  return all.slice(0, count);
}

t.test(
  'the truth lies within the bounds nineteen times of twenty, also where few keys hold nearly all',
  (t) => {
    const random = createRandom(7);
    const populations: Record<string, (i: number) => number> = {
      alike: () => 100,
      'from small to large': () => 50 + pick(random, 2000),
      'now and then much larger': () => 80 * Math.exp(3 * random()),
      'three that hold most': (i) => ([10, 501, 1702].includes(i) ? 5_000_000 : 100),
      'one in a hundred holds most': (i) => (i % 97 === 0 ? 200_000 : 100),
    };
    for (const [name, bytes] of Object.entries(populations)) {
      const population = Array.from({ length: 3000 }, (_, i) => bytes(i));
      for (const groups of [1, 5]) {
        const share = coverage(population, groups, 300, random);
        t.ok(share >= 0.93, `${name}, ${groups} groups: ${share}`);
      }
    }
    t.end();
  },
);

t.test('counts likewise, down to groups that the sample hardly meets', (t) => {
  const random = createRandom(11);
  for (const truth of [3, 30, 300, 2900]) {
    let inside = 0;
    for (let run = 0; run < RUNS; run++) {
      const found = shuffled(3000, 300, random).filter((i) => i < truth).length;
      const { low, high } = estimateCount({ population: 3000, sampled: 300 }, found);
      if (low <= truth && truth <= high) inside++;
    }
    t.ok(inside / RUNS >= 0.93, `${truth} of 3000: ${inside / RUNS}`);
  }
  t.end();
});

t.test('a sample of all is no estimate', (t) => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1e9), (keys, bytes) => {
      const sample = { population: 1000, sampled: 1000 };
      const count = estimateCount(sample, keys);
      const sums = { bytes, squares: bytes * bytes };
      const sum = estimateBytes(sample, sums, sums, 1e12);
      return (
        [count.low, count.high].every((x) => x === keys) && [sum.low, sum.high].every((x) => x === bytes)
      );
    }),
  );
  t.end();
});

t.test('the biggest keys of each type, in any order and also when named twice', (t) => {
  const entry = fc.record({ n: fc.nat(30), type: fc.constantFrom('string', 'hash', 'list') });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), fc.nat(5), (entries, most) => {
      // A key has one type and one size.
      const typeOf = new Map<number, string>();
      const biggest = new Biggest(most);
      for (const { n, type } of entries) {
        if (!typeOf.has(n)) typeOf.set(n, type);
        const own = typeOf.get(n) as string;
        const big = { key: Buffer.from(`k${n}`), server: 's', db: 0, encoding: '', ttlMs: null };
        biggest.add({ ...big, type: own, bytes: n * 10 });
      }
      for (const type of ['string', 'hash', 'list']) {
        const wanted = [...typeOf].filter(([, own]) => own === type).map(([n]) => n * 10);
        const sizes = (biggest.byType.get(type) ?? []).map(({ bytes }) => bytes);
        const sorted = wanted.sort((a, b) => b - a).slice(0, most);
        if (JSON.stringify(sizes) !== JSON.stringify(sorted)) return false;
      }
      return true;
    }),
  );
  t.end();
});
