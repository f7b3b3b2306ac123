// Random servers: streams of RESP2 and RESP3 items, nested, with attributes and pushes, most of them spoiled afterwards
// by mutate(). Knows what replies look like, never which one is due.
// Invariant: without mutations every stream is well formed, pushes stand only between replies, and a bare LF only
// in payloads.
import type { Random } from './random.js';

const DEPTH = 4;
const LEAVES = [
  ...[
    '+OK\r\n',
    '+QUEUED\r\n',
    '+\r\n',
    ':0\r\n',
    ':1\r\n',
    ':-9223372036854775808\r\n',
    '$-1\r\n',
    '*-1\r\n',
  ],
  ...[
    '_\r\n',
    '#t\r\n',
    '#f\r\n',
    ',3.25\r\n',
    ',inf\r\n',
    ',-1e300\r\n',
    '(3492890328409238509324850943850\r\n',
  ],
  ...[
    '$0\r\n\r\n',
    '$5\r\nhello\r\n',
    '*0\r\n',
    '%0\r\n',
    '~0\r\n',
    '=15\r\ntxt:Some string\r\n',
    '$3\r\n\r\n*\r\n',
  ],
  ...['!21\r\nSYNTAX invalid syntax\r\n', '$12\r\n*1\r\n$4\r\nPING\r\n', `$300\r\n${'z'.repeat(300)}\r\n`],
];
export const ERRORS = [
  ...['-ERR unknown\r\n', '-WRONGTYPE Operation against\r\n', '-NOAUTH Authentication required.\r\n'],
  ...["-OOM command not allowed when used memory > 'maxmemory'.\r\n", '-NOPERM no permissions\r\n'],
  ...['-EXECABORT Transaction discarded because of previous errors.\r\n', '-\r\n'],
];
const PUSHES = [
  ...['>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n', '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n'],
  ...[
    '>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n',
    '>3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n',
    '>1\r\n+x\r\n',
  ],
];
const LARGE = `$20000\r\n${'v'.repeat(20_000)}\r\n`;

/** One reply that is no push; `nested`: it may have an attribute before it and aggregates in it. */
export function reply(random: Random): string {
  const draw = random.below(100);
  if (draw < 12) return random.pick(ERRORS);
  if (draw === 12 && random.oneIn(20)) return LARGE;
  if (draw < 16) return `|1\r\n${random.pick(LEAVES)}${value(random, DEPTH)}${value(random, 1)}`;
  return value(random, 0);
}

export function push(random: Random): string {
  return random.pick(PUSHES);
}

/** `size` items, replies and pushes. */
export function itemStream(random: Random, size: number): Buffer {
  let text = '';
  for (let i = 0; i < size; i++) text += random.oneIn(8) ? push(random) : reply(random);
  return Buffer.from(text, 'latin1');
}

function value(random: Random, depth: number): string {
  if (depth >= DEPTH || !random.oneIn(4)) return random.pick(LEAVES);
  const size = random.below(random.oneIn(50) ? 200 : 5);
  const type = random.pick(['*', '*', '~', '%']);
  let elements = '';
  for (let i = type === '%' ? 2 * size : size; i > 0; i--) {
    elements += random.oneIn(30) ? random.pick(ERRORS) : value(random, depth + 1);
  }
  return `${type}${size}\r\n${elements}`;
}
