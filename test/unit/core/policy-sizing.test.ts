// Which writes leave their key no larger, and how large a key is afterwards: each kind of write, to a key of each kind.
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { INTEGER_CLASS, type Size, SizeClass, sizeClassOf } from '../../../src/core/policy/size-class.js';
import { isRewrite, isWithin, sizeAfter } from '../../../src/core/policy/sizing.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { cmd } from '../../support/session-lab.js';

const table = defaultCommandTable();
const { STREAM, OTHER } = SizeClass;
const HUNDRED = sizeClassOf(100);

function scanned(words: readonly (string | number)[]) {
  const args = new RequestScanner();
  const buf = Buffer.from(cmd(...words), 'latin1');
  args.scan(buf, 0, buf.length);
  const spec = table.find(buf, args.starts[0], args.ends[0]);
  if (spec === undefined) throw new Error('no such command');
  return { args, spec };
}

const after = (known: Size, ...words: (string | number)[]): Size => {
  const { args, spec } = scanned(words);
  return sizeAfter(spec, args, 1, known);
};
/** Of a key of no known size, a string of a hundred bytes, a stream, and a key of another kind. */
const rewrites = (...words: (string | number)[]): string => {
  const { args, spec } = scanned(words);
  const kinds = { none: 0, string: HUNDRED, stream: STREAM, other: OTHER } as const;
  return Object.keys(kinds)
    .filter((kind) => isRewrite(spec, args, 1, kinds[kind as keyof typeof kinds]))
    .join();
};
const v = (length: number): string => 'v'.repeat(length);

t.test('a string is rewritten by one of its size, a number or a smaller one', async (t) => {
  t.equal(rewrites('SET', 'k', v(100)), 'string');
  t.equal(rewrites('SET', 'k', v(1)), 'string');
  t.equal(rewrites('SET', 'k', v(200)), '');
  t.equal(rewrites('SETEX', 'k', 10, v(100)), 'string');
  t.equal(rewrites('SETEX', 'k', 10, v(200)), '');
  t.equal(rewrites('INCR', 'k'), 'string');
  t.equal(rewrites('APPEND', 'k', 'v'), '');
  t.equal(rewrites('RPUSH', 'k', 'v'), '');
});

t.test('a stream is rewritten by XADD that trims it, and nothing else is', async (t) => {
  for (const trim of [
    ['MAXLEN', 10],
    ['minid', '~', 5],
    ['NOMKSTREAM', 'MAXLEN', 10],
    ['KEEPREF', 'MAXLEN', 1],
  ])
    t.equal(rewrites('XADD', 'k', ...trim, '*', 'f', 'v'), 'stream', String(trim));
  t.equal(rewrites('XADD', 'k', '*', 'f', 'v'), '');
  t.equal(rewrites('XADD', 'k', '*', 'MAXLEN', 'v'), '', 'a field of that name trims nothing');
  t.equal(after(0, 'XADD', 'k', '*', 'f', 'v'), STREAM);
});

t.test('a write into a string leaves it as large as it was, or as what is written reaches', async (t) => {
  t.equal(rewrites('SETRANGE', 'k', 0, v(100)), 'string');
  t.equal(rewrites('SETRANGE', 'k', 100, v(100)), '');
  t.equal(rewrites('SETRANGE', 'k', -1, 'v'), '');
  t.equal(rewrites('SETBIT', 'k', 799, 1), 'string');
  t.equal(rewrites('SETBIT', 'k', 8 * 200, 1), '');
  t.equal(after(HUNDRED, 'SETRANGE', 'k', 150, v(50)), sizeClassOf(200));
  t.equal(after(HUNDRED, 'SETBIT', 'k', 8 * 199, 1), sizeClassOf(200));
  t.equal(after(HUNDRED, 'SETBIT', 'k', 8 * 199 + 7, 1), sizeClassOf(200));
  t.equal(after(HUNDRED, 'SETBIT', 'k', 0, 1), HUNDRED);
  t.equal(after(HUNDRED, 'SETRANGE', 'k', '00', 'v'), OTHER, 'no number');
  t.equal(after(HUNDRED, 'SETRANGE', 'k', 512 * 1024 * 1024, 'v'), sizeClassOf(512 * 1024 * 1024 + 1));
  t.equal(after(HUNDRED, 'SETRANGE', 'k', 512 * 1024 * 1024 + 1, 'v'), OTHER, 'Redis refuses it');
  t.equal(after(HUNDRED, 'SETBIT', 'k', 8 * 512 * 1024 * 1024 + 1, 1), OTHER);
  t.equal(after(0, 'SETRANGE', 'k', 0, 'v'), OTHER, 'of a key that is not known');
  t.equal(after(STREAM, 'SETBIT', 'k', 0, 1), OTHER);
});

t.test('sizes afterwards', async (t) => {
  t.equal(after(HUNDRED, 'SET', 'k', v(50)), sizeClassOf(50));
  t.equal(after(HUNDRED, 'PSETEX', 'k', 10, v(50)), sizeClassOf(50));
  t.equal(after(HUNDRED, 'DECRBY', 'k', 5), INTEGER_CLASS);
  t.equal(after(HUNDRED, 'GETEX', 'k'), 0);
  t.equal(after(HUNDRED, 'RPUSH', 'k', 'v'), OTHER);
  t.same(
    ['SETRANGE k 0 v', 'SETBIT k 0 1', 'SET k v', 'APPEND k v'].map((line) =>
      isWithin(scanned(line.split(' ')).spec),
    ),
    [true, true, false, false],
  );
});
