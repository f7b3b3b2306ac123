// What the server says of a key's use, and since when that counts as read.
import t from 'tap';
import { readSinceByFreq, readSinceByIdle } from '../../../src/evict/second-chance.js';

t.test(
  'a key that was idle for as long as it was not written, within the precision of the clock, was not read',
  async (t) => {
    t.notOk(readSinceByIdle(10_000, 10));
    t.notOk(readSinceByIdle(10_000, 9));
    t.notOk(readSinceByIdle(10_900, 9));
    t.ok(readSinceByIdle(10_000, 7));
    t.ok(readSinceByIdle(3_600_000, 0));
  },
);

t.test('a new key counts 5 uses, and loses one a minute', async (t) => {
  t.notOk(readSinceByFreq(10_000, 5));
  t.ok(readSinceByFreq(10_000, 6));
  t.notOk(readSinceByFreq(130_000, 3));
  t.ok(readSinceByFreq(130_000, 4));
  t.notOk(readSinceByFreq(3_600_000, 0));
  t.ok(readSinceByFreq(3_600_000, 1));
});
