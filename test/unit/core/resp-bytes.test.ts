// Comparisons of bytes within bounds: what stands before and behind them does not count.
import t from 'tap';
import { equalsIgnoreCase, readPositiveInteger, startsWith } from '../../../src/core/resp/bytes.js';

const buf = Buffer.from('xxSTORExx', 'latin1');

t.test('a text at the end of the bounds is whole', async (t) => {
  t.ok(startsWith(buf, 2, 7, 'STORE'));
  t.ok(startsWith(buf, 2, 9, 'STORE'));
  t.notOk(startsWith(buf, 2, 6, 'STORE'), 'its last byte stands behind the bounds');
  t.notOk(startsWith(buf, 2, 2, 'S'));
  t.notOk(startsWith(buf, 1, 7, 'STORE'));
  t.notOk(startsWith(buf, 2, 7, 'store'));
});

t.test('a word in any case, and nothing longer or shorter', async (t) => {
  for (const word of ['STORE', 'store', 'StOrE']) t.ok(equalsIgnoreCase(Buffer.from(word), 0, 5, 'STORE'));
  t.notOk(equalsIgnoreCase(buf, 2, 6, 'STORE'));
  t.notOk(equalsIgnoreCase(buf, 2, 8, 'STORE'));
  t.notOk(equalsIgnoreCase(Buffer.from('ST[RE'), 0, 5, 'ST{RE'), 'only letters have a case');
});

t.test('a number is read as Redis reads it, up to 18 digits: more may not fit 64 bits', async (t) => {
  const read = (text: string) => readPositiveInteger(Buffer.from(text), 0, text.length);
  t.equal(read('1'), 1);
  t.equal(read('907'), 907);
  t.ok(Math.abs(read('9'.repeat(18)) - 1e18) < 1000, 'not exact beyond 2^53');
  for (const text of ['9'.repeat(19), '1'.repeat(19), '', '0', '01', '-1', '+1', ' 1', '1 ', '1a', ':', '/'])
    t.equal(read(text), -1, JSON.stringify(text));
  t.equal(readPositiveInteger(Buffer.from('x12x'), 1, 3), 12);
  t.equal(readPositiveInteger(Buffer.from('123'), 0, 3, 2), -1);
});
