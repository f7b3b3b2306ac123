// The words that random commands are made of, and templates that name them: in `ZADD key score number` the words
// in small letters stand for random ones, all others for themselves.
// Invariants: no word tells the time, and nothing here can make two servers of one version answer differently.
import fc from 'fast-check';
import type { Word, Words } from './session.js';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const upTo = (max: number) => fc.nat(max).map(String);

/** Every rule of modes.ts has a letter; `u:` has none. The same few keys come again and again. */
const prefix = fc.constantFrom('s', 'a', 'd', 'u', 'o', 'j');
const named = (digit: number) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('a:0', 's:0', 'u:0') },
    { weight: 2, arbitrary: fc.tuple(prefix, fc.nat(digit)).map(([p, n]) => `${p}:${n}`) },
  );

/** Large ones stream through; they come at sizes around each threshold, too. */
const large = fc.oneof(
  fc.integer({ min: 16_000, max: 200_000 }),
  fc.constantFrom(16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537, 131_072),
);
const small = fc.oneof(
  { weight: 3, arbitrary: upTo(20) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map(latin1) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '\r\n', '$-1\r\n', '*3\r\n', '-OOM', '+QUEUED\r\n', 'v'.repeat(300)),
  },
);
const number = fc.integer({ min: -3, max: 20 }).map(String);
const anyCase = (...words: string[]) =>
  fc.constantFrom(
    ...words.flatMap((word) => [word, word.toLowerCase(), word[0] + word.slice(1).toLowerCase()]),
  );

const WORDS = {
  /** Hashes and sets of any size live in keys that end in 4: nothing asks for their order. */
  key: named(4),
  /** Hashes and sets in these are small and of numbers: they have an order. */
  small: named(3),
  special: prefix.map((p) => `${p}:4`),
  watched: named(4),
  value: fc.oneof({ weight: 12, arbitrary: small }, { weight: 1, arbitrary: large }),
  large,
  text: small,
  number,
  index: fc.integer({ min: -5, max: 12 }).map(String),
  count: upTo(4),
  offset: fc.constantFrom('0', '3', '17', '-1', 'x'),
  bit: fc.constantFrom('0', '1', '7', '100', '-1'),
  onoff: fc.constantFrom('0', '1', '1', '2'),
  score: fc.constantFrom('0', '1', '-1.5', '3.25', '1e3', 'inf', '-inf', 'nan', 'x'),
  float: fc.constantFrom('1.5', '-0.25', '10', '3e2', 'x'),
  seconds: fc.constantFrom('1000', '5000', '9999', '999999', '0', '-1', 'soon'),
  id: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(2)).map(([ms, n]) => `${ms}-${n}`),
  group: fc.constantFrom('g', 'h'),
  member: fc.constantFrom('Palermo', 'Catania', 'Roma'),
  longitude: fc.constantFrom('13.361389', '15.087269', '12.496', '200'),
  latitude: fc.constantFrom('38.115556', '37.502669', '41.902'),
  channel: upTo(2).map((n) => `n:${n}`),
  /** No two match the same channel: which comes first would be each server's own. */
  pattern: fc.constantFrom('n:[01]', '?:2'),
  db: fc.constantFrom('0', '1', '2', '3', '99', 'x'),
  side: fc.constantFrom('LEFT', 'RIGHT'),
  sort: fc.constantFrom('ASC', 'DESC'),
  condition: anyCase('NX', 'XX', 'GET', 'KEEPTTL', 'BOGUS'),
  ex: anyCase('EX'),
  op: fc.constantFrom('AND', 'OR', 'XOR', 'NOT'),
  protocol: fc.constantFrom('2', '3', '3', '4', 'x'),
  client: fc.nat(3).map((n) => `@id:${n}`),
} as const;

type WordName = keyof typeof WORDS;

function isWordName(word: string): word is WordName {
  return word in WORDS;
}

const MAX_REPEATS = 3;

/** The commands of a template; `name...` stands for one to three of them, `a+b...` for as many pairs. */
export function template(text: string): fc.Arbitrary<Words> {
  const parts = text.split(' ').map((part): fc.Arbitrary<Words> => {
    const repeated = part.endsWith('...');
    const names = (repeated ? part.slice(0, -3) : part).split('+');
    if (!names.every(isWordName)) return fc.constant([part]);
    const group = fc.tuple(...names.map((name): fc.Arbitrary<Word> => WORDS[name]));
    if (!repeated) return group;
    return fc.array(group, { minLength: 1, maxLength: MAX_REPEATS }).map((groups) => groups.flat());
  });
  return fc.tuple(...parts).map((words) => words.flat());
}

/** One of the templates in `lines`, one a line or apart by commas. */
export function templates(lines: string): fc.Arbitrary<Words> {
  const all = lines
    .split(/[,\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return fc.oneof(...all.map(template));
}
