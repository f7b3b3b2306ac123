// Where a client's commands end. Each vector runs whole, byte by byte, at every split point, moved about in memory
// and streamed; then the same bytes go to a live Redis, which must agree on what is a command and what is refused.
import t from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import { RequestScanner, Scan } from '../../../src/core/resp/request-scanner.js';
import { connectRaw, takesTextBehindQuotes } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';

interface Vector {
  readonly name: string;
  readonly bytes: Buffer;
  /** Arguments as Latin-1, 'empty' or 'malformed'. */
  readonly expect: readonly string[] | 'empty' | 'malformed';
  /** Not every server refuses it: Redis takes it, and Valkey until 8; or Valkey does since 9. It answers "ab" then. */
  readonly takenBy?: 'redis' | 'valkey9';
  /** Redis neither answers nor closes (Valkey 9 refuses it): it waits for the rest of a line that cannot come. */
  readonly redisWaits?: boolean;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const command = (name: string, text: string, ...expect: string[]): Vector => ({
  name,
  bytes: latin1(text),
  expect,
});
const empty = (name: string, text: string): Vector => ({ name, bytes: latin1(text), expect: 'empty' });
const malformed = (name: string, text: string): Vector => ({
  name,
  bytes: latin1(text),
  expect: 'malformed',
});
const malformedSilently = (name: string, text: string): Vector => ({
  ...malformed(name, text),
  redisWaits: true,
});

const longWord = 'w'.repeat(60 * 1024);
const VECTORS: readonly Vector[] = [
  command('multibulk', '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n', 'SET', 'k', 'v'),
  command('one argument', '*1\r\n$4\r\nPING\r\n', 'PING'),
  command('empty arguments', '*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n', 'SET', '', ''),
  command('binary argument', '*2\r\n$4\r\nECHO\r\n$6\r\n\x00\r\n\xff*$\r\n', 'ECHO', '\x00\r\n\xff*$'),
  command(
    'RESP inside an argument',
    '*2\r\n$4\r\nECHO\r\n$14\r\n*1\r\n$4\r\nPING\r\n\r\n',
    'ECHO',
    '*1\r\n$4\r\nPING\r\n',
  ),
  { ...malformed('another byte for the LF of a count', '*2\rx$4\r\nECHO\r\n$2\r\nab\r\n'), takenBy: 'redis' },
  {
    ...malformed('another byte for the LF of a length', '*2\r\n$4\ryECHO\r\n$2\r\nab\r\n'),
    takenBy: 'redis',
  },
  { ...malformed('other bytes behind an argument', '*2\r\n$4\r\nECHOxy$2\r\nab\r\n'), takenBy: 'redis' },
  { ...malformed('another byte for the LF at the end', '*2\r\n$4\r\nECHO\r\n$2\r\nab\r*'), takenBy: 'redis' },
  command('more arguments than offsets fit', ...manyArguments(300)),
  empty('no arguments', '*0\r\n'),
  empty('minus one argument', '*-1\r\n'),
  empty('minus many arguments', '*-9999\r\n'),
  empty('minus as many as always fit', '*-999999999999999999\r\n'),
  malformed('minus more than 64 bits', '*-9999999999999999999\r\n'),
  empty('blank line', '\r\n'),
  empty('blank line without CR', '\n'),
  empty('line of spaces', ' \t \r\n'),
  malformed('no number', '*\r\n'),
  malformed('count with a letter', '*1a\r\n'),
  malformed('count with a plus', '*+1\r\n'),
  malformed('count with a space', '* 1\r\n'),
  malformed('count with leading zero', '*01\r\n'),
  malformed('count minus zero', '*-0\r\n'),
  malformed('lone minus', '*-\r\n'),
  malformed('count beyond int', '*2147483648\r\n'),
  malformed('count of many digits', '*99999999999999999999\r\n'),
  malformed('no dollar', '*1\r\n:4\r\nPING\r\n'),
  malformed('no dollar in the middle', '*2\r\n$4\r\nECHO\r\nhello\r\n'),
  malformed('multibulk in a multibulk', '*1\r\n*1\r\n$4\r\nPING\r\n'),
  malformed('negative bulk', '*1\r\n$-1\r\n'),
  malformed('bulk with leading zero', '*1\r\n$04\r\nPING\r\n'),
  malformed('bulk without length', '*1\r\n$\r\n'),
  malformed('bulk with a letter', '*1\r\n$4x\r\nPING\r\n'),
  malformed('bulk of many digits', '*1\r\n$99999999999\r\n'),
  command('inline', 'PING\r\n', 'PING'),
  command('inline without CR', 'PING\n', 'PING'),
  command('inline with CRs', 'ECHO \r"a"\rb\r\r\n', 'ECHO', 'a', 'b'),
  command('inline with blanks', '  echo \t hi  \r\n', 'echo', 'hi'),
  command('inline double quotes', 'echo "a b\\x41\\n\\"\\q"\r\n', 'echo', 'a bA\n"q'),
  command('inline single quotes', "echo 'a \\' \\n \"'\r\n", 'echo', 'a \' \\n "'),
  command('inline empty quotes', 'set k ""\r\n', 'set', 'k', ''),
  command('inline quote inside a word', 'echo a"b c"\r\n', 'echo', 'ab c'),
  command('inline bad hex', 'echo "\\xg1"\r\n', 'echo', 'xg1'),
  command('inline hex', 'echo "\\x10\\xa0\\x0F\\xfA\\x99"\r\n', 'echo', '\x10\xa0\x0f\xfa\x99'),
  command('inline hex cut short', 'echo "\\x1"\r\n', 'echo', 'x1'),
  command('inline CR in the middle', 'echo a\rb\r\n', 'echo', 'a', 'b'),
  command('inline high bytes', 'echo \xe9\xff\r\n', 'echo', '\xe9\xff'),
  command('inline vertical tab in a word', 'echo a\x0bb\x0cc\r\n', 'echo', 'a\x0bb\x0cc'),
  command('inline vertical tab before a word', 'echo \x0b\x0ca\r\n', 'echo', 'a'),
  command('inline that is long', `echo ${longWord}\r\n`, 'echo', longWord),
  malformed('inline open double quote', 'echo "a\r\n'),
  malformed('inline open single quote', "echo 'a\r\n"),
  { ...malformed('inline text behind a quote', 'echo "a"b\r\n'), takenBy: 'valkey9' },
  malformed('inline escape at the end', 'echo "a\\\r\n'),
  malformed('inline without an end', `echo ${'w'.repeat(80 * 1024)}`),
  malformedSilently('inline NUL', 'echo a\x00b\r\n'),
  malformedSilently('multibulk count with NUL', '*1\x00\r\n'),
];

function manyArguments(n: number): [string, ...string[]] {
  const args = ['DEL', ...Array.from({ length: n }, (_, i) => `key:${i}`)];
  return [encodeCommand(...args).toString('latin1'), ...args];
}

/** What a scanner says of `pieces`, held together as they come, each time at another offset of a new buffer. */
function scanPieces(pieces: readonly Buffer[]): Vector['expect'] | 'incomplete' {
  const scanner = new RequestScanner();
  let held = Buffer.alloc(0);
  let scan: Scan = Scan.INCOMPLETE;
  for (const [i, piece] of pieces.entries()) {
    held = Buffer.concat([held, piece]);
    const offset = (i * 7) % 13;
    const moved = Buffer.concat([Buffer.alloc(offset, '*'), held, Buffer.from('$9')]);
    const end = offset + held.length;
    if (i === 0) {
      scan = scanner.scan(moved, offset, end);
    } else {
      scanner.rebase(offset);
      scan = scanner.resume(moved, end);
    }
    if (scan === Scan.MALFORMED) return 'malformed';
    if (scan !== Scan.INCOMPLETE) {
      if (i !== pieces.length - 1) throw new Error(`ended ${pieces.length - 1 - i} pieces early`);
      if (scanner.next !== end) throw new Error(`next is ${scanner.next}, not ${end}`);
      return scan === Scan.EMPTY ? 'empty' : argumentsOf(scanner);
    }
    if (scanner.missing(end) < 1) throw new Error('incomplete and nothing missing');
  }
  return 'incomplete';
}

function argumentsOf({ buf, starts, ends, argc }: RequestScanner): string[] {
  return Array.from({ length: argc }, (_, i) =>
    Buffer.from(buf.subarray(starts[i], ends[i])).toString('latin1'),
  );
}

const short = VECTORS.filter(({ bytes }) => bytes.length <= 64);

t.test('whole', async (t) => {
  for (const { name, bytes, expect } of VECTORS) t.same(scanPieces([bytes]), expect, name);
});

t.test('byte by byte', async (t) => {
  for (const { name, bytes, expect } of short) {
    t.same(scanPieces(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))), expect, name);
  }
});

t.test('at every split point', async (t) => {
  for (const { name, bytes, expect } of VECTORS) {
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let at = 1; at < bytes.length; at += step) {
      const found = scanPieces([bytes.subarray(0, at), bytes.subarray(at)]);
      if (JSON.stringify(found) !== JSON.stringify(expect)) t.same(found, expect, `${name}, cut at ${at}`);
    }
    t.pass(name);
  }
});

t.test('a command that is not whole is INCOMPLETE at every length, and says what it lacks', async (t) => {
  const whole = encodeCommand('SET', 'key', 'value');
  for (let length = 1; length < whole.length; length++) {
    const scanner = new RequestScanner();
    t.equal(scanner.scan(whole, 0, length), Scan.INCOMPLETE, `${length} bytes`);
    t.ok(scanner.missing(length) <= whole.length - length, 'never asks for more than there is to come');
  }
});

t.test('several commands in one buffer, each where the one before ends', async (t) => {
  const stream = Buffer.concat([
    latin1('\r\n'),
    encodeCommand('GET', 'a'),
    latin1('PING\r\n*0\r\n'),
    encodeCommand('GET', 'b'),
  ]);
  const scanner = new RequestScanner();
  const found: string[][] = [];
  for (let at = 0; at < stream.length; at = scanner.next) {
    const scan = scanner.scan(stream, at, stream.length);
    t.ok(scan === Scan.COMPLETE || scan === Scan.EMPTY);
    if (scan === Scan.COMPLETE) found.push(argumentsOf(scanner));
  }
  t.same(found, [['GET', 'a'], ['PING'], ['GET', 'b']]);
});

t.test('streaming hands out one argument at a time, at offset 0', async (t) => {
  const args = ['MSET', 'a', '1', 'bb', '', 'ccc', '3'.repeat(50)];
  const bytes = encodeCommand(...args);
  for (let cut = 5; cut < bytes.length; cut++) {
    const scanner = new RequestScanner();
    let scan: Scan = scanner.scan(bytes, 0, cut);
    t.equal(scan, Scan.INCOMPLETE);
    const found: string[] = Array.from({ length: scanner.parsed }, (_, i) =>
      latin1(bytes.toString('latin1', scanner.starts[i], scanner.ends[i])).toString('latin1'),
    );
    scanner.streaming = true;
    // Only what is behind `position` is still there.
    const origin = scanner.position;
    const rest = bytes.subarray(origin);
    scanner.rebase(scanner.start - origin);
    do {
      scan = scanner.resume(rest, rest.length);
      found.push(rest.toString('latin1', scanner.starts[0], scanner.ends[0]));
    } while (scan === Scan.ARGUMENT);
    t.equal(scan, Scan.COMPLETE);
    t.same(found, args, `cut at ${cut}`);
    t.equal(scanner.next - scanner.start, bytes.length, 'its whole length can still be told');
  }
});

t.test('a live Redis agrees', async (t) => {
  const redis = await withRedis(t);
  const reads = (await takesTextBehindQuotes(redis.port)) ? 'valkey9' : 'redis';
  for (const { name, bytes, expect, redisWaits, takenBy } of VECTORS) {
    const client = await connectRaw(redis.port);
    void client.write(bytes);
    if (takenBy === reads) {
      t.equal((await client.readReplies(1)).join(''), '$2\r\nab\r\n', name);
    } else if (expect === 'malformed' && !redisWaits) {
      t.match((await client.readUntilClosed()).toString('latin1'), /^-ERR Protocol error/, name);
    } else if (expect === 'malformed') {
      void client.write('\r\n*1\r\n$4\r\nPING\r\n');
      client.end();
      const said = (await client.readUntilClosed()).toString('latin1');
      t.match(said, /^(-ERR Protocol error.*\r\n)?$/, `${name}: never understood`);
    } else {
      void client.write('*2\r\n$4\r\nECHO\r\n$6\r\nmarker\r\n');
      const replies = (await client.readReplies(expect === 'empty' ? 1 : 2)).join('');
      t.notMatch(replies, /Protocol error/, name);
      t.match(replies, /marker\r\n$/, `${name}: the connection goes on`);
    }
    client.destroy();
  }
});
