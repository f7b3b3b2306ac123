// Where a server's replies end: every RESP2 and RESP3 type, nested, with attributes, each whole, byte by byte and at
// every split point; and what the scanner tells of an item beside its end.
import t, { type Test } from 'tap';
import { PREFIX_BYTES, ReplyScanner } from '../../../src/core/resp/reply-scanner.js';

interface Vector {
  readonly name: string;
  readonly text: string;
  readonly type?: string;
  readonly length?: number;
  readonly lastInteger?: number;
}

const big = (n: number): string => `*${n}\r\n${':7\r\n'.repeat(n)}`;
const VECTORS: readonly Vector[] = [
  { name: 'status', text: '+OK\r\n' },
  { name: 'empty status', text: '+\r\n' },
  { name: 'error', text: '-ERR unknown\r\n' },
  { name: 'integer', text: ':42\r\n', lastInteger: 42 },
  { name: 'negative integer', text: ':-7\r\n', lastInteger: -7 },
  { name: 'bulk', text: '$5\r\nhe\r\no\r\n', length: 5 },
  { name: 'empty bulk', text: '$0\r\n\r\n', length: 0 },
  { name: 'null bulk', text: '$-1\r\n', length: -1 },
  { name: 'bulk that looks like replies', text: '$10\r\n*2\r\n$3\r\n-E\r\n', length: 10 },
  { name: 'array', text: '*2\r\n$1\r\na\r\n:3\r\n', length: 2, lastInteger: 3 },
  { name: 'empty array', text: '*0\r\n', length: 0 },
  { name: 'null array', text: '*-1\r\n', length: -1 },
  { name: 'nested arrays', text: '*2\r\n*2\r\n:1\r\n*0\r\n*-1\r\n', length: 2, lastInteger: 1 },
  { name: 'nulls inside', text: '*3\r\n$-1\r\n*-1\r\n_\r\n', length: 3 },
  { name: 'deep', text: `${'*1\r\n'.repeat(200)}:5\r\n`, length: 1, lastInteger: 5 },
  { name: 'deep and empty', text: `${'*1\r\n'.repeat(200)}*0\r\n`, length: 1 },
  { name: 'null', text: '_\r\n' },
  { name: 'true', text: '#t\r\n' },
  { name: 'double', text: ',-1.5e10\r\n' },
  { name: 'infinity', text: ',inf\r\n' },
  { name: 'big number', text: '(-3492890328409238509324850943850943825024385\r\n' },
  { name: 'blob error', text: '!9\r\nSYNTAX ab\r\n', length: 9 },
  { name: 'verbatim', text: '=8\r\ntxt:a\r\nb\r\n', length: 8 },
  {
    name: 'map',
    text: '%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n',
    length: 2,
    lastInteger: 3,
  },
  { name: 'empty map', text: '%0\r\n', length: 0 },
  { name: 'map in a map', text: '%1\r\n%1\r\n+a\r\n+b\r\n%1\r\n+c\r\n%0\r\n', length: 1 },
  { name: 'set', text: '~3\r\n:1\r\n#f\r\n~0\r\n', length: 3, lastInteger: 1 },
  { name: 'push', text: '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n', length: 3 },
  { name: 'attribute', text: '|1\r\n+ttl\r\n:9\r\n$2\r\nhi\r\n', type: '$', length: 2, lastInteger: 9 },
  { name: 'empty attribute', text: '|0\r\n:4\r\n', type: ':', lastInteger: 4 },
  { name: 'two attributes', text: '|1\r\n+a\r\n+b\r\n|1\r\n+c\r\n*1\r\n:2\r\n%0\r\n', type: '%', length: 0 },
  { name: 'attribute inside', text: '*2\r\n|1\r\n+a\r\n:5\r\n:1\r\n:2\r\n', length: 2, lastInteger: 2 },
  {
    name: 'attributes of two, inside',
    text: '*1\r\n|2\r\n+a\r\n:5\r\n+b\r\n:6\r\n:2\r\n',
    length: 1,
    lastInteger: 2,
  },
  { name: 'attribute that is last inside', text: '*1\r\n|1\r\n+a\r\n*0\r\n$-1\r\n', length: 1 },
  { name: 'attribute in an attribute', text: '|1\r\n|1\r\n+x\r\n+y\r\n+a\r\n+b\r\n#t\r\n', type: '#' },
];

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Goes on behind each attribute of the item. */
function scanItem(scanner: ReplyScanner, bytes: Buffer, from: number): number {
  let at = scanner.scan(bytes, from, bytes.length);
  while (at < bytes.length && scanner.atValue && !scanner.atBoundary)
    at = scanner.scan(bytes, at, bytes.length);
  return at;
}

/** Scans `pieces` one after the other; throws when an item ends early or does not end. */
function scanPieces(pieces: readonly Buffer[], capture = false): ReplyScanner {
  const scanner = new ReplyScanner();
  scanner.capture = capture;
  for (const [i, piece] of pieces.entries()) {
    const reached = scanItem(scanner, piece, 0);
    if (scanner.malformed) throw new Error('malformed');
    if (reached !== piece.length) throw new Error(`stopped at ${reached} of piece ${i}`);
    if (scanner.atBoundary !== (i === pieces.length - 1)) throw new Error(`boundary: piece ${i}`);
  }
  return scanner;
}

function check(t: Test, scanner: ReplyScanner, vector: Vector, how: string): void {
  const { type = vector.text[0], length = 0, lastInteger } = vector;
  const found = { type: String.fromCharCode(scanner.type), length: scanner.length };
  t.same(found, { type, length }, `${vector.name}, ${how}`);
  if (lastInteger !== undefined) t.equal(scanner.lastInteger, lastInteger, `${vector.name}: last integer`);
}

t.test('a reply in one piece', async (t) => {
  for (const vector of VECTORS) check(t, scanPieces([bytesOf(vector.text)]), vector, 'whole');
  check(t, scanPieces([bytesOf(big(100_000))]), { name: 'big', text: big(1), length: 100_000 }, 'whole');
});

t.test('byte by byte and at every split point', async (t) => {
  for (const vector of VECTORS) {
    const bytes = bytesOf(vector.text);
    check(t, scanPieces(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))), vector, 'byte by byte');
    for (let at = 1; at < bytes.length; at++) {
      const scanner = scanPieces([bytes.subarray(0, at), bytes.subarray(at)]);
      if (scanner.type !== (vector.type ?? vector.text).charCodeAt(0)) t.fail(`${vector.name}, cut at ${at}`);
    }
  }
});

t.test('items one behind the other: each scan stops behind one', async (t) => {
  const stream = bytesOf(VECTORS.map(({ text }) => text).join(''));
  const scanner = new ReplyScanner();
  let at = 0;
  for (const vector of VECTORS) {
    const from = at;
    at = scanItem(scanner, stream, at);
    t.equal(at - from, vector.text.length, vector.name);
    t.ok(scanner.atBoundary);
    check(t, scanner, vector, 'in a row');
  }
});

t.test('before the value of an item a scan stops, and its attributes are not the value', async (t) => {
  const scanner = new ReplyScanner();
  const attribute = '|1\r\n+ttl\r\n:9\r\n';
  const stream = bytesOf(`${attribute}-NOPERM no\r\n`);
  t.equal(scanner.scan(stream, 0, stream.length), attribute.length);
  t.same([scanner.atValue, scanner.atBoundary], [true, false], 'between the two');
  t.equal(scanner.scan(stream, attribute.length, stream.length), stream.length);
  t.same([scanner.atValue, scanner.atBoundary], [true, true]);
  const { prefix, prefixLength } = scanner;
  t.equal(Buffer.from(prefix.subarray(0, prefixLength)).toString('latin1'), '-NOPERM no\r\n');
});

t.test('prefix: of an error always, of others when asked, the first bytes only', async (t) => {
  const long = `-ERR ${'x'.repeat(200)}\r\n`;
  for (const [text, capture] of [
    ['-NOAUTH Authentication required.\r\n', false],
    ['*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n', true],
    ['$3\r\nabc\r\n', true],
    [long, false],
  ] as const) {
    const bytes = bytesOf(text);
    for (let at = 0; at < bytes.length; at++) {
      const pieces = at === 0 ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)];
      const { prefix, prefixLength } = scanPieces(pieces, capture);
      const found = Buffer.from(prefix.subarray(0, prefixLength)).toString('latin1');
      if (found !== text.slice(0, PREFIX_BYTES)) t.equal(found, text.slice(0, PREFIX_BYTES), `cut at ${at}`);
    }
    t.pass(JSON.stringify(text.slice(0, 20)));
  }
  const { prefixLength, capture } = scanPieces([bytesOf('+OK\r\n')]);
  t.same({ prefixLength, capture }, { prefixLength: 0, capture: false }, 'nothing kept unasked');
});

t.test('a request for details holds for one item only', async (t) => {
  const scanner = new ReplyScanner();
  const stream = bytesOf('-ERR\r\n+OK\r\n');
  const at = scanner.scan(stream, 0, stream.length);
  t.equal(scanner.prefixLength, 6);
  scanner.scan(stream, at, stream.length);
  t.equal(scanner.prefixLength, 0);
});

t.test('bytes that are not RESP are malformed, and stay so', async (t) => {
  for (const text of ['hello\r\n', '\r\n', '*1\r\nx', '$1a\r\n', '*z\r\n', '|1\r\n+a\r\n+b\r\n?']) {
    const scanner = new ReplyScanner();
    const bytes = bytesOf(text);
    scanItem(scanner, bytes, 0);
    t.ok(scanner.malformed, JSON.stringify(text));
    t.notOk(scanner.atBoundary);
    const reply = bytesOf('+OK\r\n');
    t.equal(scanner.scan(reply, 0, reply.length), 0, 'moves no more');
  }
});
