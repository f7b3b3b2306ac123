// Random clients: streams of commands from a weighted grammar, most of them spoiled afterwards by mutate().
// Written straight into one buffer, since millions of them are made. Knows what commands look like, never what
// Redis answers. A stream's `mark` stands in its values, so that a reply to another client shows.
import type { Random } from './random.js';

/** Which commands beside plain reads and writes a stream may hold. */
export interface Vocabulary {
  /** CLIENT REPLY OFF and SKIP: Spillway asks the server whether they took, so the bytes that go up differ. */
  readonly silence?: boolean;
  /** (P|S)SUBSCRIBE, HELLO, AUTH, RESET: what tells one connection's replies from another's. */
  readonly connection?: boolean;
  /** MONITOR, SYNC, QUIT: bytes pass unread behind these. */
  readonly endings?: boolean;
  /** What SELECT selects: streams that must not see one another's keys have one each. */
  readonly database?: number;
}

const KEYS = [
  ...['ttl:a', 'ttl:b', 'str:a', 'str:b', 'max:a', 'max:b', 'low:a', 'low:b', 'watch:a', 'queue:a'],
  ...['other', '', 'k\0\r\n', 'ttl:', 'l', `ttl:${'y'.repeat(90)}`],
];
const OPTIONS = [
  ...[
    ['EX', '900'],
    ['PX', '99999'],
    ['EXAT', '9999999999'],
    ['px', '90000'],
    ['NX'],
    ['xx'],
    ['GET'],
    ['KEEPTTL'],
  ],
  ...[['BOGUS'], ['EX'], ['EX', '0'], ['PXAT', '-1'], ['EX', '99999999999999999999'], ['']],
];
const NAMES = ['GET', 'get', 'GETEX', 'DEL', 'PING', 'NOSUCH', 'LRANGE', 'HGETALL', 'EXISTS', '', 'PEXPIRE'];
const INLINE = [
  ...['PING\r\n', 'SET ttl:a inline\r\n', 'set low:a "in line"\r\n', 'GET str:a\n', '\r\n', '\n', '   \r\n'],
  ...[
    'SET \'str:a\' "\\x41\\n"\r\n',
    'SETEX max:a 99999 v\r\n',
    '*0\r\n',
    '*-1\r\n',
    '*-7\r\n',
    'ECHO  two \r\n',
  ],
];
const EMPTY = ['\r\n', '*0\r\n', '*-1\r\n', '  \n'];
const RESP_IN_A_VALUE = '*2\r\n$3\r\nGET\r\n$5\r\nother\r\n';
const TRANSACTION = ['MULTI', 'EXEC', 'EXEC', 'DISCARD', 'multi'];
const SILENCE = ['ON', 'OFF', 'SKIP', 'SKIP', 'SIP'];
const SUBSCRIBE = [
  ...[
    ['SUBSCRIBE', 'c'],
    ['SUBSCRIBE', 'c', 'd'],
    ['PSUBSCRIBE', 'd'],
    ['PSUBSCRIBE', 'c', 'd', 'd'],
  ],
  ...[
    ['SSUBSCRIBE', 'c'],
    ['SSUBSCRIBE', 'e', 'd'],
  ],
];
const UNSUBSCRIBE = [['UNSUBSCRIBE'], ['UNSUBSCRIBE', 'c', 'x'], ['PUNSUBSCRIBE'], ['SUNSUBSCRIBE']];
const ENDINGS = ['MONITOR', 'SYNC', 'QUIT', 'PSYNC'];

const encodeArgument = (text: string): Buffer => Buffer.from(`$${text.length}\r\n${text}\r\n`, 'latin1');
/** Around the sizes from which on values stream (16 KB) and commands are settled early (64 KB). */
const LARGE_VALUES = [5000, 16_383, 16_384, 20_000, 70_000].map((size) => encodeArgument('x'.repeat(size)));

/** A stream that is longer gets no more large values. */
const MOST_BYTES = 150_000;
/** Shared by all writers: each leaves it when its stream is done. */
let out = Buffer.allocUnsafe(256 * 1024);

export class RequestWriter {
  private length = 0;
  private written = 0;
  /** Arguments of the command under construction, encoded. */
  private readonly pending: Buffer[] = [];
  private values: Buffer[] = [];
  /** One in so many values is large enough to stream. */
  private largeOneIn = 250;

  constructor(
    private readonly random: Random,
    private readonly vocabulary: Vocabulary,
  ) {}

  /** A stream of `size` commands of the client `mark`. */
  stream(size: number, mark: string): Buffer {
    const marked = ['', mark, `${mark} two words`, mark.repeat(40), RESP_IN_A_VALUE, '\0\xff\r\n$-1\r\n'];
    this.values = marked.map(encodeArgument);
    this.length = 0;
    this.largeOneIn = this.random.oneIn(25) ? 4 : 400;
    for (this.written = 0; this.written < size; this.written++) this.command();
    return Buffer.from(out.subarray(0, this.length));
  }

  private command(): void {
    const { random } = this;
    const draw = random.below(100);
    if (draw < 45) this.write();
    else if (draw < 75) this.read();
    else if (draw < 85) this.words(random.pick(TRANSACTION));
    else if (draw < 90) this.append(random.pick(INLINE));
    else this.state();
    this.finish();
  }

  private write(): void {
    const { random } = this;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        this.words('SET', this.key()).value();
        return;
      case 3:
        this.words('set', this.key())
          .value()
          .words(...random.pick(OPTIONS), ...(random.oneIn(3) ? random.pick(OPTIONS) : []));
        return;
      case 4:
        this.words(random.pick(['SETNX', 'GETSET', 'APPEND', 'RPUSH']), this.key()).value();
        return;
      case 5:
        this.words(
          random.pick(['SETEX', 'psetex']),
          this.key(),
          random.pick(['77', '99999', 'x', '-1']),
        ).value();
        return;
      case 6:
      case 7:
        this.pairs();
        return;
      case 8:
        this.words('INCR', random.pick(['ttl:n', 'low:n', 'n']));
        return;
      case 9:
        this.words('HSET', this.key(), 'field').value();
        return;
      case 10:
        this.words('LMOVE', 'low:a', 'low:b', 'LEFT', 'RIGHT');
        return;
      default:
        this.words('GETEX', this.key(), ...random.pick(OPTIONS));
    }
  }

  private pairs(): void {
    const { random } = this;
    this.words('MSET');
    // Past 64 KB though no value of it is large.
    const bulky = this.length < MOST_BYTES && random.oneIn(200);
    const count = bulky ? 20 : 1 + random.below(random.oneIn(30) ? 400 : 4);
    for (let i = 0; i < count; i++) {
      this.words(this.key());
      if (bulky) this.pending.push(LARGE_VALUES[0]);
      else this.value();
    }
  }

  private read(): void {
    const { random } = this;
    if (random.oneIn(3)) this.words('ECHO').value();
    else if (random.oneIn(60)) this.words(...new Array<string>(66 + random.below(70)).fill('DEL'));
    else if (random.oneIn(6)) this.words(random.pick(NAMES));
    else this.words(random.pick(NAMES), this.key());
  }

  private state(): void {
    const { random, vocabulary } = this;
    const draw = random.below(16);
    if (draw < 3 && vocabulary.silence) this.silence();
    else if (draw < 5 && vocabulary.connection) this.words(...random.pick(SUBSCRIBE));
    else if (draw < 7 && vocabulary.connection) this.words(...random.pick(UNSUBSCRIBE));
    else if (draw < 8 && vocabulary.connection) this.words('HELLO', random.pick(['2', '3', '3', '4']));
    else if (draw < 9 && vocabulary.connection)
      this.words('AUTH', random.pick(['secret', 'secret', 'wrong']));
    else if (draw < 10 && vocabulary.connection) this.words('RESET');
    else if (draw === 10 && vocabulary.endings && random.oneIn(4)) this.words(random.pick(ENDINGS));
    else if (draw === 11) this.words('CLIENT', 'CACHING', 'YES');
    else if (draw === 12) this.words('ASKING');
    else this.words('SELECT', String(vocabulary.database ?? 0));
  }

  /** An empty command behind SKIP is the next command. */
  private silence(): void {
    this.words('CLIENT', 'REPLY', this.random.pick(SILENCE));
    this.finish();
    if (this.random.oneIn(5)) this.append(this.random.pick(EMPTY));
  }

  private key(): string {
    return this.random.pick(KEYS);
  }

  private words(...words: readonly string[]): this {
    for (const word of words) this.pending.push(argumentOf(word));
    return this;
  }

  private value(): this {
    const { random } = this;
    const large = this.length < MOST_BYTES && random.oneIn(this.largeOneIn);
    this.pending.push(large ? random.pick(LARGE_VALUES) : random.pick(this.values));
    return this;
  }

  /** Writes the command whose arguments wait. */
  private finish(): void {
    if (this.pending.length === 0) return;
    this.append(`*${this.pending.length}\r\n`);
    for (const argument of this.pending) this.append(argument);
    this.pending.length = 0;
  }

  private append(bytes: string | Buffer): void {
    if (this.length + bytes.length > out.length) {
      const larger = Buffer.allocUnsafe(2 * (this.length + bytes.length));
      larger.set(out.subarray(0, this.length));
      out = larger;
    }
    if (typeof bytes === 'string') out.write(bytes, this.length, 'latin1');
    else out.set(bytes, this.length);
    this.length += bytes.length;
  }
}

const encoded = new Map<string, Buffer>();

function argumentOf(word: string): Buffer {
  let bytes = encoded.get(word);
  if (bytes === undefined) {
    bytes = encodeArgument(word);
    encoded.set(word, bytes);
  }
  return bytes;
}
