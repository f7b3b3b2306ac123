// The reply scanner against redis-parser, an independent decoder: on any RESP2 stream cut anywhere, both see the
// same replies end at the same places.
import fc from 'fast-check';
import RedisParser from 'redis-parser';
import t from 'tap';
import { ReplyScanner } from '../../../src/core/resp/reply-scanner.js';

const line = fc.stringMatching(/^[a-zA-Z0-9 ]{0,20}$/);
const { reply } = fc.letrec<{ reply: string }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    line.map((text) => `+${text}\r\n`),
    line.map((text) => `-ERR ${text}\r\n`),
    fc.integer().map((n) => `:${n}\r\n`),
    fc.constantFrom('$-1\r\n', '*-1\r\n', '*0\r\n', '$0\r\n\r\n'),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((text) => `$${text.length}\r\n${text}\r\n`),
    fc.array(tie('reply'), { maxLength: 4 }).map((items) => `*${items.length}\r\n${items.join('')}`),
  ),
}));

/** How many replies the scanner has seen end, after each piece. */
function scanPieces(pieces: readonly Buffer[]): number[] {
  const scanner = new ReplyScanner();
  let ended = 0;
  return pieces.map((piece) => {
    let at = 0;
    while (at < piece.length) {
      at = scanner.scan(piece, at, piece.length);
      if (scanner.atBoundary) ended++;
    }
    return ended;
  });
}

function parsePieces(pieces: readonly Buffer[]): number[] {
  let ended = 0;
  const parser = new RedisParser({ returnReply: () => ended++, returnError: () => ended++ });
  return pieces.map((piece) => {
    parser.execute(piece);
    return ended;
  });
}

t.test('replies end where redis-parser says', async (t) => {
  fc.assert(
    fc.property(
      fc.array(reply, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
      (replies, cuts) => {
        const stream = Buffer.from(replies.join(''), 'latin1');
        const edges = [...new Set([0, ...cuts.filter((cut) => cut < stream.length), stream.length])].sort(
          (a, b) => a - b,
        );
        const pieces = edges.slice(1).map((edge, i) => stream.subarray(edges[i], edge));
        const seen = scanPieces(pieces);
        t.equal(seen.at(-1), replies.length);
        t.strictSame(seen, parsePieces(pieces));
      },
    ),
    { numRuns: 500 },
  );
});
