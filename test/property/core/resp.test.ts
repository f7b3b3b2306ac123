// Framing as properties: any command encoded is scanned back exactly, any reply tree ends just where it ends, however
// the bytes are cut; and the words of an inline line are the words that a live Redis reads.
import fc from 'fast-check';
import t from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import { ReplyScanner } from '../../../src/core/resp/reply-scanner.js';
import { RequestScanner, Scan } from '../../../src/core/resp/request-scanner.js';
import { connectRaw, type RawClient, takesTextBehindQuotes } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';

const argument = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const command = fc.array(argument, { minLength: 1, maxLength: 80 });
const cuts = fc.array(fc.nat(1000), { maxLength: 12 });

/** Cuts a buffer at these places, taken modulo its length. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length)).filter((p) => p.length > 0);
}

t.test('commands encoded are scanned back, from whatever pieces', async () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), cuts, (commands, places) => {
      const stream = Buffer.concat(commands.map((args) => encodeCommand(...args)));
      const scanner = new RequestScanner();
      const found: string[][] = [];
      let at = 0;
      let resuming = false;
      let end = 0;
      for (const piece of cut(stream, places)) {
        end += piece.length;
        while (at < end) {
          const scan: Scan = resuming ? scanner.resume(stream, end) : scanner.scan(stream, at, end);
          resuming = scan === Scan.INCOMPLETE;
          if (resuming) {
            if (scanner.missing(end) > stream.length - end) return false;
            break;
          }
          if (scan !== Scan.COMPLETE) return false;
          const { starts, ends, argc } = scanner;
          found.push(Array.from({ length: argc }, (_, i) => stream.toString('latin1', starts[i], ends[i])));
          at = scanner.next;
        }
      }
      const expected = commands.map((args) => args.map((arg) => arg.toString('latin1')));
      return !resuming && JSON.stringify(found) === JSON.stringify(expected);
    }),
    { numRuns: 500 },
  );
});

t.test('a scanner never throws and never reads beyond its bytes, whatever they are', async () => {
  const alphabet = fc.constantFrom(...'*$-019\r\n x"'.split(''));
  fc.assert(
    fc.property(fc.array(alphabet, { minLength: 1, maxLength: 30 }), (chars) => {
      const bytes = Buffer.from(chars.join(''), 'latin1');
      const scanner = new RequestScanner();
      const scan = scanner.scan(bytes, 0, bytes.length);
      if (scan === Scan.COMPLETE || scan === Scan.EMPTY) return scanner.next <= bytes.length;
      return scan === Scan.MALFORMED || (scan === Scan.INCOMPLETE && scanner.missing(bytes.length) > 0);
    }),
    { numRuns: 5000 },
  );
});

const line = fc.string({ unit: fc.constantFrom(...'abZ09 .$*:'), maxLength: 12 });
const blob = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const { tree } = fc.letrec<{ tree: string; element: string }>((tie) => ({
  element: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    line.map((text) => `+${text}\r\n`),
    line.map((text) => `-${text}\r\n`),
    fc.maxSafeInteger().map((n) => `:${n}\r\n`),
    fc.constantFrom('$-1\r\n', '*-1\r\n', '_\r\n', '#t\r\n', ',1.5\r\n', '(123456789012345678901\r\n'),
    fc
      .tuple(fc.constantFrom('$', '!', '='), blob)
      .map(([type, text]) => `${type}${text.length}\r\n${text}\r\n`),
    fc
      .tuple(fc.constantFrom('*', '~'), fc.array(tie('tree'), { maxLength: 5 }))
      .map(([type, items]) => `${type}${items.length}\r\n${items.join('')}`),
    fc
      .array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 3 })
      .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join('')}`),
  ),
  tree: fc.oneof(
    { depthSize: 'small' },
    { weight: 9, arbitrary: tie('element') },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('tree'), tie('tree'), tie('tree')).map(([k, v, r]) => `|1\r\n${k}${v}${r}`),
    },
  ),
}));

t.test('a reply tree ends at its last byte and nowhere before', async () => {
  fc.assert(
    fc.property(tree, tree, cuts, (first, second, places) => {
      const stream = Buffer.from(first + second, 'latin1');
      const scanner = new ReplyScanner();
      const ends: number[] = [];
      let base = 0;
      for (const piece of cut(stream, places)) {
        for (let at = 0; at < piece.length; ) {
          at = scanner.scan(piece, at, piece.length);
          if (scanner.malformed) return false;
          if (scanner.atBoundary) ends.push(base + at);
        }
        base += piece.length;
      }
      return ends.length === 2 && ends[0] === first.length && ends[1] === stream.length;
    }),
    { numRuns: 1000 },
  );
});

t.test('an inline line has the words that Redis reads in it', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  // What Redis refuses and Valkey 9 takes passes as it is, like all behind it.
  const lenient = await takesTextBehindQuotes(redis.port);
  let client: RawClient | undefined;
  t.teardown(() => client?.destroy());
  const bytes = fc.oneof(
    fc.constantFrom(...Buffer.from(' \t\r\x0b\x0c"\'\\xn4fa"\' \\')),
    // Valkey 9 leaves 255 out of such lines.
    fc.integer({ min: 1, max: lenient ? 254 : 255 }).filter((byte) => byte !== 0x0a),
  );
  let words = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 12 }), async (tail) => {
      const sent = Buffer.concat([
        Buffer.from('EVAL "return ARGV" 0 '),
        Buffer.from(tail),
        Buffer.from('\r\n'),
      ]);
      const scanner = new RequestScanner();
      const scan = scanner.scan(sent, 0, sent.length);
      client ??= await connectRaw(redis.port);
      void client.write(sent);
      const [reply] = await client.readReplies(1);
      if (scan === Scan.MALFORMED) {
        refused++;
        client.destroy();
        client = undefined;
        return (
          lenient ||
          /["'][\v\f]/.test(Buffer.from(tail).toString('latin1')) ||
          reply.toString('latin1').startsWith('-ERR Protocol error: unbalanced quotes')
        );
      }
      const { buf, starts, ends, argc } = scanner;
      const read = Array.from({ length: argc - 3 }, (_, i) =>
        Buffer.from(buf.slice(starts[i + 3], ends[i + 3])),
      );
      words += read.length;
      return encodeCommand(...read).equals(reply);
    }),
    { numRuns: 3000 },
  );
  t.ok(words > 1000 && refused > 300, `${words} words, ${refused} lines refused`);
});
