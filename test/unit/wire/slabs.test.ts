// The pool of lent memory: what is counted, what is kept for later, and what goes back to the system.
import t from 'tap';
import { LARGEST_SLAB, SlabPool } from '../../../src/wire/slabs.js';

t.test('lent slabs are used again, and count while they are lent', async (t) => {
  const pool = new SlabPool(true);
  const loan = pool.lend(50_000, 60_000);
  const { bytes } = loan;
  t.ok(bytes.length >= 60_000);
  t.equal(pool.lentBytes, bytes.length);
  loan.end();
  t.same([pool.lentBytes, pool.pooledBytes], [0, bytes.length]);
  t.equal(pool.lend(50_000).bytes, bytes, 'the same memory');
  t.equal(pool.pooledBytes, 0);
});

t.test('unneeded slabs go back to the system by halves, and needed ones stay', async (t) => {
  const pool = new SlabPool(true);
  const loans = Array.from({ length: 8 }, () => pool.lend(60_000));
  const [{ bytes }] = loans;
  for (const loan of loans) loan.end();
  const slabsLeft = () => pool.pooledBytes / bytes.length;
  t.equal(slabsLeft(), 8);
  pool.trim();
  t.equal(slabsLeft(), 8, 'all were needed since the last time');
  for (const loan of [1, 2, 3].map(() => pool.lend(60_000))) loan.end();
  pool.trim();
  t.equal(slabsLeft(), 5, 'five were not');
  for (let i = 0; i < 10; i++) pool.trim();
  t.equal(slabsLeft(), 0);
  t.equal(pool.lentBytes, 0);
});

t.test('more than the largest slab is lent as it is wanted, and not kept', async (t) => {
  const pool = new SlabPool(true);
  t.equal(pool.lend(LARGEST_SLAB - 1, 2 * LARGEST_SLAB).bytes.length, LARGEST_SLAB, 'what is needed fits');
  const huge = pool.lend(LARGEST_SLAB + 1, 2 * LARGEST_SLAB);
  t.equal(huge.bytes.length, 2 * LARGEST_SLAB);
  huge.end();
  t.equal(pool.pooledBytes, 0);
  t.equal(pool.lentBytes, LARGEST_SLAB);
});

t.test('the pool is short while many bytes wait, not while many are sent', async (t) => {
  const pool = new SlabPool(true);
  const sending = Array.from({ length: 100 }, () => pool.take(LARGEST_SLAB, { slabSent() {} }));
  t.notOk(pool.isShort);
  const waiting = [];
  while (!pool.isShort) waiting.push(pool.lend(LARGEST_SLAB));
  t.ok(waiting.length > 10, `${waiting.length} cut commands may wait`);
  waiting.pop()?.end();
  t.notOk(pool.isShort);
  for (const slab of [...sending, ...waiting]) slab.end();
  t.equal(pool.lentBytes, 0);
});

t.test('little is not taken from the pool', async (t) => {
  const pool = new SlabPool(true);
  pool.lend(100, 200).end();
  t.same([pool.lentBytes, pool.pooledBytes], [0, 0]);
});

t.test(
  'each is no larger than it needs to be, of three sizes, and of each size only so much is kept',
  async (t) => {
    const pool = new SlabPool(true);
    const KIB = 1024;
    for (const [length, size] of [
      [1, 16],
      [16 * KIB, 16],
      [16 * KIB + 1, 80],
      [80 * KIB, 80],
      [80 * KIB + 1, 272],
      [272 * KIB, 272],
    ]) {
      const kept = Math.floor((8 * KIB) / size);
      const taken = Array.from({ length: kept + 2 }, () => pool.take(length, { slabSent() {} }));
      t.equal(taken[0].bytes.length, size * KIB, `for ${length} bytes`);
      const before = pool.pooledBytes;
      for (const slab of taken) slab.end();
      const most = Math.floor((8 * KIB) / size) * size * KIB;
      t.ok(pool.pooledBytes === before + most, `${pool.pooledBytes} bytes are kept`);
      for (let i = 0; i < 20; i++) pool.trim();
      t.equal(pool.pooledBytes, 0);
    }
  },
);
