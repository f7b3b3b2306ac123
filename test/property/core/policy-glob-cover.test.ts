// What is said of globs without comparing them with a key: that one covers another, that one cannot match.
import fc from 'fast-check';
import t from 'tap';
import { globMatches } from '../../../src/core/policy/glob.js';
import { globCovers } from '../../../src/core/policy/glob-cover.js';
import { GlobFilter } from '../../../src/core/policy/glob-filter.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const part = fc.constantFrom(
  ...['a', 'b', ':', 'ab', 'abc', ':a', '*', '?', '[ab]', '[^a]', '[a-', '\\*', '\\a', '\xff', '*'].map(
    bytes,
  ),
);
const glob = fc.array(part, { maxLength: 7 }).map((parts) => Buffer.concat(parts));
const key = fc
  .array(fc.constantFrom(...['a', 'b', 'c', ':', '*', '-', 'abc', '\xff'].map(bytes)), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => Buffer.concat(parts));
const matches = (pattern: Uint8Array, text: Uint8Array) => globMatches(pattern, text, 0, text.length);

t.test('a glob that covers another one matches all of its keys', async (t) => {
  let covered = 0;
  fc.assert(
    fc.property(glob, glob, fc.array(key, { minLength: 5, maxLength: 20 }), (wide, narrow, keys) => {
      if (!globCovers(wide, narrow)) return;
      covered++;
      for (const one of keys) if (matches(narrow, one) && !matches(wide, one)) throw new Error(String(one));
    }),
    { numRuns: 20_000 },
  );
  t.ok(covered > 500, `${covered} pairs`);
});

t.test('a glob covers another only if it matches every key of it', async (t) => {
  for (const [wide, narrow] of [
    ['*', 'x'],
    ['*', '**'],
    ['a*', 'a?*'],
    ['a?*', 'ab*'],
    ['user:*', 'user:1:*'],
    ['*:x', 'a:x'],
    ['[a-c]*', 'b*'],
    ['[a-c]', '[ab]'],
    ['a*c', 'a*b*c'],
    ['\\*', '[*]'],
    ['x', 'x'],
  ] as const) {
    t.ok(globCovers(bytes(wide), bytes(narrow)), `${wide} covers ${narrow}`);
  }
  for (const [wide, narrow] of [
    ['x', '*'],
    ['a?*', 'a*'],
    ['user:1:*', 'user:*'],
    ['[ab]', '[a-c]'],
    ['?', 'ab'],
    ['a*', 'A*'],
    ['*b', 'a*'],
    ['\\*', '*'],
  ] as const) {
    t.notOk(globCovers(bytes(wide), bytes(narrow)), `${wide} does not cover ${narrow}`);
  }
});

t.test('a filter excludes no key that its glob matches, and most others', async (t) => {
  const starred = glob.map((rest) => Buffer.concat([bytes('*'), rest]));
  let excluded = 0;
  let filtered = 0;
  fc.assert(
    fc.property(starred, fc.array(key, { minLength: 5, maxLength: 20 }), (pattern, keys) => {
      const filter = GlobFilter.of(pattern);
      if (filter === undefined) return;
      for (const one of keys) {
        const framed = Buffer.concat([bytes('abc'), one, bytes('abc')]);
        const out = filter.excludes(framed, 3, 3 + one.length);
        if (out && matches(pattern, one)) throw new Error(String(one));
        filtered++;
        if (out) excluded++;
      }
    }),
    { numRuns: 20_000 },
  );
  t.ok(filtered > 10_000 && excluded > filtered / 2, `${excluded} of ${filtered}`);
  t.equal(GlobFilter.of(bytes('a*')), undefined, 'no star at the front');
  t.equal(GlobFilter.of(bytes('*')), undefined);
  const long = GlobFilter.of(bytes(`*${'ab'.repeat(100)}*`));
  t.notOk(long?.excludes(bytes(`x${'ab'.repeat(101)}`), 0, 203), 'a run longer than a step');
});
