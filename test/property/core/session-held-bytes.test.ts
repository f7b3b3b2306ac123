// Bytes that wait come out as they went in, whatever is appended, dropped and handed over, from memory that others get as
// soon as it is given back; and each loan is given back once.
import fc from 'fast-check';
import t from 'tap';
import { HeldBytes, type Lender } from '../../../src/core/session/request/held-bytes.js';

/** Spoils what comes back, and knows what is out. */
class Books implements Lender {
  readonly isShort = false;
  out = 0;

  lend(least: number, wanted: number) {
    t.ok(least <= wanted);
    const bytes = Buffer.alloc(least, '?');
    let ended = false;
    this.out++;
    return {
      bytes,
      end: () => {
        t.notOk(ended, 'given back once');
        ended = true;
        this.out--;
        bytes.fill('?');
      },
    };
  }
}

type Step = readonly ['append', Uint8Array, number | undefined] | readonly ['drop' | 'again', number];

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(
    fc.constant('append' as const),
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.option(fc.nat(1000), { nil: undefined }),
  ),
  fc.tuple(fc.constantFrom('drop' as const, 'again' as const), fc.nat(400)),
);

t.test('held bytes come out in the order in which they were appended', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const books = new Books();
      const held = new HeldBytes(books);
      let due: number[] = [];
      for (const one of steps) {
        if (one[0] === 'append') {
          held.append(one[1], 0, one[1].length, one[2]);
          due.push(...one[1]);
        } else if (one[0] === 'drop') {
          const count = Math.min(one[1], due.length);
          held.drop(count);
          due = due.slice(count);
        } else {
          // As a stall that ends and begins again: some is settled, the rest is held once more.
          const count = Math.min(one[1], due.length);
          held.handOver((bytes) => held.append(bytes, count, bytes.length));
          due = due.slice(count);
        }
        if (Buffer.compare(Buffer.from(due), held.bytes.subarray(0, held.length)) !== 0) return false;
      }
      held.clear();
      return books.out === 0 && held.length === 0;
    }),
  );
});

t.test('bytes that are looked at stay until that is over, also when their client has gone', async (t) => {
  const books = new Books();
  const held = new HeldBytes(books);
  held.append(Buffer.from('abc'), 0, 3);
  held.use((bytes, length) => {
    held.close();
    t.equal(Buffer.from(bytes.subarray(0, length)).toString(), 'abc');
    t.equal(books.out, 1);
  });
  t.equal(books.out, 0);
  t.equal(held.length, 0);
  held.append(Buffer.from('abc'), 0, 3);
  held.drop(1);
  t.same([books.out, held.length], [0, 0], 'and nothing is kept after that');
});

t.test('a fault while they are looked at leaves no memory out', async (t) => {
  const books = new Books();
  const held = new HeldBytes(books);
  const fault = () => {
    throw new Error('a fault');
  };
  held.append(Buffer.from('abc'), 0, 3);
  t.throws(() => held.use(fault), /a fault/);
  held.close();
  t.equal(books.out, 0);
  const other = new HeldBytes(books);
  other.append(Buffer.from('abc'), 0, 3);
  t.throws(() => other.handOver(fault), /a fault/);
  t.equal(books.out, 0);
});
