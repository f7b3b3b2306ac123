// Spoils a stream of bytes the way faulty clients, servers and links do, and the way attackers do on purpose.
// Knows where RESP has its numbers and line ends, nothing else of it. Never changes the bytes that it is given.
import type { Random } from './random.js';

const LF = 0x0a;
const NUMBERS = [
  ...['-1', '0', '1', '2', '3', '-2', '-0', '+1', '01', ' 1', '1 ', '', 'x', '1x', '1.5', '0x10', '-'],
  ...['2147483647', '2147483648', '-2147483649', '4294967296', '9223372036854775807', '9223372036854775808'],
  ...['536870912', '536870913', '600000000', '1048576', '1048577', '99999999999999999999', '-99999999999'],
  ...['16384', '65536', '10', '11', '1\0', '9'.repeat(400)],
];
const PIECES = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    '*',
    '$',
    '*1\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '*0\r\n',
    '$0\r\n\r\n',
    '+OK\r\n',
    ':1\r\n',
  ],
  ...[
    '_\r\n',
    '%1\r\n',
    '>2\r\n',
    '|1\r\n',
    '~0\r\n',
    '$?\r\n',
    ';4\r\n',
    '*?\r\n',
    '.\r\n',
    '"',
    "'",
    '\\x',
    ' ',
  ],
  ...[
    'PING\r\n',
    '-ERR x\r\n',
    '(12345678901234567890\r\n',
    ',nan\r\n',
    '#t\r\n',
    '=7\r\ntxt:abc\r\n',
    '!3\r\nERR\r\n',
  ],
  ...['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x02\0\x01', '\xff\xfe\xfd', 'A'.repeat(300)],
].map((text) => Buffer.from(text, 'latin1'));
const MOST_COPIED = 2000;

/** `bytes` with one to three mutations; `other` is what a splice takes from. */
export function mutate(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let mutated = bytes;
  for (let left = 1 + (random.oneIn(3) ? random.below(3) : 0); left > 0; left--) {
    mutated = once(mutated, other, random);
  }
  return mutated;
}

function once(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = Math.min(1 + random.below(random.oneIn(4) ? MOST_COPIED : 12), bytes.length - at);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return replaceNumber(bytes, at, random);
    case 3:
      return changeByte(bytes, at, random.next() & 0xff);
    case 4:
      return changeByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
    case 5:
      return splice(bytes, at, at + length, Buffer.alloc(0));
    case 6:
      return splice(bytes, at, at, bytes.subarray(at, at + length));
    case 7:
      return splice(bytes, at, at, random.pick(PIECES));
    case 8:
      return dropLineEndByte(bytes, at, random);
    case 9: {
      const from = random.below(other.length + 1);
      return splice(bytes, at, at + random.below(length + 1), other.subarray(from, from + length));
    }
    case 10:
      return splice(bytes, at, at, noise(random));
    default:
      return random.oneIn(3) ? bytes.subarray(0, at) : splice(bytes, at, at, random.pick(PIECES));
  }
}

/** Bytes of any value, a few to a few hundred. */
export function noise(random: Random): Buffer {
  const bytes = Buffer.allocUnsafe(1 + random.below(random.oneIn(5) ? 400 : 12));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.next();
  return bytes;
}

function splice(bytes: Buffer, from: number, to: number, between: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
}

function changeByte(bytes: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  if (at < changed.length) changed[at] = byte;
  return changed;
}

/** The next line at or behind `at` that begins with a type byte and a digit gets another number. */
function replaceNumber(bytes: Buffer, at: number, random: Random): Buffer {
  const behindLine = at === 0 ? 0 : bytes.indexOf(LF, at - 1) + 1;
  for (let line = behindLine; line < bytes.length; ) {
    let end = line + 1;
    while (end < bytes.length && isNumeric(bytes[end])) end++;
    if (end > line + 1 && !isNumeric(bytes[line])) {
      return splice(bytes, line + 1, end, Buffer.from(random.pick(NUMBERS), 'latin1'));
    }
    const next = bytes.indexOf(LF, line);
    if (next < 0 || (at === 0 && line > 0)) break;
    line = next + 1;
  }
  return changeByte(bytes, at, 0x2d);
}

function isNumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d;
}

function dropLineEndByte(bytes: Buffer, at: number, random: Random): Buffer {
  const lf = bytes.indexOf(LF, at);
  if (lf < 1) return bytes;
  return random.oneIn(2)
    ? splice(bytes, lf, lf + 1, Buffer.alloc(0))
    : splice(bytes, lf - 1, lf, Buffer.alloc(0));
}
