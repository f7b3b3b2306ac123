// The command that changes a TTL of Spillway's own: between which bounds the remaining time must lie, and what it says of a
// key that was renamed or copied. What the script does with them is asked of a live server in integration/own-ttls.
import t from 'tap';
import { encodeCarriedTtl, ownTtlSize, writeOwnTtl } from '../../../src/core/resp/own-ttl-script.js';

/** The arguments of a command in RESP. */
function argumentsOf(command: Uint8Array): string[] {
  const text = Buffer.from(command).toString('latin1');
  const found: string[] = [];
  const count = Number(/^\*(\d+)\r\n/.exec(text)?.[1]);
  for (let at = text.indexOf('\n') + 1; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const length = Number(text.slice(at + 1, end));
    t.equal(text[at] + text.slice(end + 2 + length, end + 4 + length), '$\r\n');
    found.push(text.slice(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
  t.equal(found.length, count);
  return found;
}

/** What is left of the TTL, and between which bounds it must lie: a quarter off, at least 250 ms and at most 2 s. */
const BOUNDS = [
  [0, 0, 250],
  [100, 0, 350],
  [1000, 750, 1250],
  [1001, 750, 1252],
  [4000, 3000, 5000],
  [8000, 6000, 10_000],
  [9000, 7000, 11_000],
  [60_000.5, 58_000, 62_001],
] as const;

t.test('a key whose TTL was given by a rule', async (t) => {
  const key = Buffer.from('<\r\n$3\xff>', 'latin1');
  for (const [left, least, most] of BOUNDS) {
    for (const milliseconds of [0, 1, 9_007_199_254_740_991]) {
      const out = Buffer.alloc(3 + ownTtlSize(key.length - 2), '~');
      const end = writeOwnTtl(out, 3, key, 1, key.length - 1, left, milliseconds);
      t.ok(end <= out.length);
      t.equal(out.toString('latin1', 0, 3), '~~~');
      t.match(argumentsOf(out.subarray(3, end)), [
        ...['EVAL', /^pcall\(/, '1', '\r\n$3\xff', String(least), String(most), String(milliseconds)],
      ]);
    }
  }
});

t.test('a key that had another name', async (t) => {
  const [key, source] = [Buffer.from('here'), Buffer.from('there')];
  for (const copied of [false, true]) {
    for (const [left, least, most] of BOUNDS) {
      const words = [
        ...['EVAL', /^pcall\(/, '2', 'here', 'there', String(least), String(most), '60000'],
        copied ? 'copied' : 'moved',
      ];
      const here = argumentsOf(encodeCarriedTtl(key, source, copied, left, 60_000, undefined));
      t.match(here, words);
      t.equal(here.length, words.length);
      t.match(argumentsOf(encodeCarriedTtl(key, source, copied, left, 60_000, 3)), [...words, '3']);
      t.match(argumentsOf(encodeCarriedTtl(key, source, copied, left, 60_000, 0)), [...words, '0']);
    }
  }
});
