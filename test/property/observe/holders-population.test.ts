// What groups of keys hold, by random keys, against the whole population: equal sizes, sizes spread over orders of magnitude, and
// one key that holds half of it all. The seeds are fixed: an estimate is a matter of chance, and each seed was looked at.
import t from 'tap';
import { Population } from '../../../src/observe/holders/population.js';
import { TrackedKeys } from '../../../src/observe/holders/tracked-keys.js';

/** 0 (included) to 1 (not): mulberry32. */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Key {
  readonly group: string;
  readonly bytes: number;
  readonly expiring: boolean;
}

/** Shares 50, 30 and 20%; those of `cache` have a TTL, half of `mixed` too. */
function keysOf(count: number, sizeOf: (random: () => number) => number, random: () => number): Key[] {
  return Array.from({ length: count }, (_, i) => {
    const group = i % 10 < 5 ? 'cache' : i % 10 < 8 ? 'jobs' : 'mixed';
    return {
      group,
      bytes: sizeOf(random),
      expiring: group === 'cache' || (group === 'mixed' && i % 20 < 10),
    };
  });
}

const SAMPLES = 2400;

function sampled(keys: readonly Key[], random: () => number, largeBytes = Number.POSITIVE_INFINITY) {
  const population = new Population<string>();
  const expiring = keys.filter((key) => key.expiring).length;
  const counts = { expiring, staying: keys.length - expiring };
  for (let i = 0; i < SAMPLES; i++) {
    const { group, bytes, expiring } = keys[Math.floor(random() * keys.length)] as Key;
    population.add(group, bytes, expiring, counts, i);
  }
  return population.estimate(-1, SAMPLES, largeBytes) ?? new Map();
}

function truth(keys: readonly Key[], group: string) {
  const own = keys.filter((key) => key.group === group);
  const sum = (those: readonly Key[]) => those.reduce((bytes, key) => bytes + key.bytes, 0);
  return { bytes: sum(own), expiring: sum(own.filter(({ expiring }) => expiring)), keys: own.length };
}

const normal = (random: () => number) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const SIZES: Record<string, readonly [sizeOf: (random: () => number) => number, within: number]> = {
  equal: [() => 300, 0.1],
  'within a factor of ten': [(random) => 100 + 900 * random(), 0.1],
  lognormal: [(random) => Math.min(60_000, Math.exp(5.5 + 1.5 * normal(random))), 0.25],
};

for (const [name, [sizeOf, within]] of Object.entries(SIZES)) {
  t.test(`${name}: by group within ${100 * within}%, and the truth is within the error`, async (t) => {
    let [inside, all] = [0, 0];
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomBy(seed);
      const keys = keysOf(20_000, sizeOf, random);
      const estimates = sampled(keys, random);
      for (const group of ['cache', 'jobs', 'mixed']) {
        const { bytes, expiring, keys: count } = truth(keys, group);
        const found = estimates.get(group);
        if (found === undefined) throw new Error(`no ${group}`);
        all++;
        if (Math.abs(found.bytes - bytes) <= found.errorBytes) inside++;
        const off = Math.abs(found.bytes - bytes) / bytes;
        // The smaller a group, the fewer samples are of it.
        if (!(off <= within * (group === 'mixed' ? 1.6 : group === 'jobs' ? 1.3 : 1)))
          t.fail(`seed ${seed}, ${group}: ${off}`);
        if (!(Math.abs(found.keys - count) / count < 0.2))
          t.fail(`seed ${seed}, ${group}: ${found.keys} keys`);
        if (group === 'cache' && found.expiringBytes !== found.bytes) t.fail('all of the cache has a TTL');
        if (group === 'jobs' && found.expiringBytes !== 0) t.fail('no job has one');
        if (!(found.expiringBytes <= bytes + expiring)) t.fail('more has a TTL than there is');
      }
    }
    t.ok(inside / all > 0.85, `the truth was within the error ${inside} times of ${all}`);
  });
}

t.test('one key that holds half of the memory stands for no others', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomBy(seed);
    const keys = keysOf(3000, () => 300, random);
    const half = keys.reduce((sum, { bytes }) => sum + bytes, 0);
    const all = [...keys, { group: 'jobs', bytes: half, expiring: false }];
    const large = 0.01 * 2 * half;
    const estimates = sampled(all, random, large);
    const tracked = new TrackedKeys<string>();
    tracked.largeBytes = large;
    tracked.seen('jobs', Buffer.from('queue'), 0, half, false, 0);
    for (const group of ['cache', 'jobs', 'mixed']) {
      const own = tracked.large().filter((key) => key.group === group);
      const found = (estimates.get(group)?.bytes ?? 0) + own.reduce((sum, { bytes }) => sum + bytes, 0);
      const { bytes } = truth(all, group);
      if (!(Math.abs(found - bytes) / bytes < 0.15)) t.fail(`seed ${seed}, ${group}: ${found} of ${bytes}`);
    }
  }
  t.pass('by none of the seeds');
});

t.test('a group that does not change, while another grows', async (t) => {
  const population = new Population<string>();
  const random = randomBy(7);
  for (let i = 0; i < SAMPLES; i++) {
    const growing = 1000 + 20 * i;
    const still = random() < 1000 / (1000 + growing);
    population.add(still ? 'still' : 'grows', 100, false, { expiring: 0, staying: 1000 + growing }, i);
  }
  const found = population.estimate(-1, SAMPLES, 1e9)?.get('still');
  t.ok(
    Math.abs((found?.bytes ?? 0) - 100_000) < 2 * (found?.errorBytes ?? 0),
    `${found?.bytes} ±${found?.errorBytes}`,
  );
  const span = population.spanOf(SAMPLES, 1e9, SAMPLES);
  t.ok(span > 64 && span < SAMPLES / 3, `${span}: while there were about as many keys as now`);
});

t.test('a window holds what came within it', async (t) => {
  const population = new Population<string>();
  const counts = { expiring: 0, staying: 1000 };
  t.equal(population.estimate(0, 10, 1e9), undefined, 'nothing came');
  for (let i = 1; i <= 100; i++) population.add(i <= 50 ? 'old' : 'new', 10, false, counts, i);
  t.same([...(population.estimate(0, 50, 1e9)?.keys() ?? [])], ['old']);
  t.same([...(population.estimate(50, 100, 1e9)?.keys() ?? [])], ['new']);
  t.equal(population.estimate(90, 100, 1e9), undefined, 'ten are too few');
  t.equal(population.estimate(0, 100, 1e9)?.get('new')?.bytes, 5000);
  t.equal(population.spanOf(50, 1e9, 100), 49);
  t.equal(population.spanOf(1e9, 10, 100), 10);
  for (let i = 101; i <= 20_000; i++) population.add('newest', 10, false, counts, i);
  t.same([...(population.estimate(0, 20_000, 1e9)?.keys() ?? [])], ['newest']);
  population.clear();
  t.equal(population.estimate(0, 20_000, 1e9), undefined);
});
