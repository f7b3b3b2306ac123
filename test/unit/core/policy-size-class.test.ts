// Classes of strings as jemalloc's: 16 bytes apart up to 128, then four for each doubling.
import t from 'tap';
import { INTEGER_CLASS, isString, SizeClass, sizeClassOf } from '../../../src/core/policy/size-class.js';

const HEADER = 20;

/** The sizes of jemalloc's classes (jemalloc(3), "SIZE CLASSES"), up to 1 GiB. */
function* sizes(): Generator<number> {
  for (let size = 16; size <= 128; size += 16) yield size;
  for (let base = 128; base < 2 ** 30; base *= 2)
    for (let step = 1; step <= 4; step++) yield base + (step * base) / 4;
}

t.test('each class holds the sizes above the next lower class', async (t) => {
  let before = 0;
  const first = sizeClassOf(16 - HEADER);
  for (const [i, size] of [...sizes()].entries()) {
    for (const bytes of [before + 1, size])
      t.equal(sizeClassOf(bytes - HEADER), first + i, `${bytes} of ${size} bytes`);
    before = size;
  }
  t.ok(isString(sizeClassOf(512 * 1024 * 1024)));
  t.ok(sizeClassOf(512 * 1024 * 1024) < SizeClass.STREAM);
  t.equal(INTEGER_CLASS, sizeClassOf('-9223372036854775808'.length));
});

t.test('values that are no strings', async (t) => {
  t.same([0, 1, 125, SizeClass.STREAM, SizeClass.OTHER].map(isString), [false, true, true, false, false]);
});
