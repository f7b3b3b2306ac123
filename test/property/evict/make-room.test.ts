// What making room comes to, in virtual time: hit rates beside an exact LRU of the same memory, and how near memory stays to the
// marks, under steady load, at full speed, and while memory grows that nobody may evict.
import t from 'tap';
import { EvictLab, seeded, zipf } from '../../support/evict-lab.js';

const MIB = 1024 ** 2;
const KEYS = 30_000;
const READS_PER_MS = 1;
const SECONDS = 50;

/** Hit rates of the second half, by making room and by an LRU that may hold as many keys as there were. */
function hitRates(exponent: number, seed: number) {
  const lab = new EvictLab({ limitBytes: 4 * MIB, valueBytes: 490 });
  const lru = new Map<number, true>();
  const random = seeded(seed);
  const next = zipf(KEYS, exponent, random);
  // Popular keys stand anywhere.
  const number = (rank: number): number => (rank * 7919) % KEYS;
  let [hits, lruHits, reads] = [0, 0, 0];
  for (let ms = 0; ms < SECONDS * 1000; ms++) {
    const counts = ms >= SECONDS * 500;
    for (let i = 0; i < READS_PER_MS; i++) {
      const id = number(next());
      const hit = lab.get(id);
      if (!hit) lab.set(id);
      const lruHit = lru.delete(id);
      lru.set(id, true);
      if (lru.size > lab.store.size) lru.delete(lru.keys().next().value as number);
      if (!counts) continue;
      reads++;
      if (hit) hits++;
      if (lruHit) lruHits++;
    }
    lab.pass(1);
  }
  return { hits: hits / reads, lru: lruHits / reads, lab };
}

for (const exponent of [0.8, 0.9, 1, 1.1]) {
  t.test(`with Zipf ${exponent} the ring hits as often as LRU, within a point`, async (t) => {
    const { hits, lru, lab } = hitRates(exponent, 1);
    t.ok(lab.evicted > 1000, `${lab.evicted} keys had to go`);
    t.ok(hits >= lru - 0.01, `${hits.toFixed(3)} beside ${lru.toFixed(3)}`);
    t.ok(lab.lowest >= 0.75 && lab.highest <= 0.8, `memory from ${lab.lowest} to ${lab.highest}`);
  });
}

for (const sizeFactor of [0.8, 1.3]) {
  t.test(`at full speed, with sizes wrong by ${sizeFactor}: memory stays at the marks`, async (t) => {
    const lab = new EvictLab({ limitBytes: 64 * MIB, valueBytes: 490, sizeFactor });
    let id = 0;
    for (let ms = 0; ms < 2500; ms++) {
      for (let i = 0; i < 90; i++) lab.set(id++);
      lab.pass(1);
    }
    t.ok(lab.evicted > 50_000);
    t.ok(lab.lowest >= 0.75 && lab.highest <= 0.8, `memory from ${lab.lowest} to ${lab.highest}`);
  });
}

t.test('memory that nobody may evict takes the place of caches, to the last', async (t) => {
  const lab = new EvictLab({ limitBytes: 64 * MIB, valueBytes: 490 });
  for (let id = 0; lab.share < 0.7; id++) lab.set(id);
  lab.pass(25);
  for (let ms = 0; lab.store.size > 0 && ms < 60_000; ms++) {
    lab.grow(2000);
    lab.pass(1);
  }
  t.equal(lab.store.size, 0);
  t.ok(lab.highest <= 0.8, `memory up to ${lab.highest}`);
  t.ok(lab.lowest >= 0.75, `and down to ${lab.lowest}`);
});

t.test('a key that is written all the time is not evicted', async (t) => {
  const lab = new EvictLab({ limitBytes: 8 * MIB, valueBytes: 490 });
  let id = 1;
  let lost = 0;
  for (let ms = 0; ms < 20_000; ms++) {
    if (ms % 200 === 0) {
      if (ms > 0 && !lab.store.has(0)) lost++;
      lab.set(0);
    }
    lab.set(id++);
    lab.pass(1);
  }
  t.ok(lab.evicted > 5000);
  t.equal(lost, 0);
});
