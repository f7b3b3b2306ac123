// The JSON reader: agrees with JSON.parse on what is JSON, and says where and why something is not.
import fc from 'fast-check';
import t from 'tap';
import { parseJson } from '../../../src/config/json.js';

t.test('places and reasons', async (t) => {
  const bad: [string, number, number, RegExp][] = [
    ['', 1, 1, /the file is empty/],
    ['{\n  "a": 1,\n}', 3, 1, /expected a key in double quotes; remove the comma before this/],
    ['[1, 2,]', 1, 7, /expected a value; remove the comma before this/],
    ['{ "a" 1 }', 1, 7, /expected ":" after the key/],
    ['{ "a": 1 "b": 2 }', 1, 10, /expected a comma or the closing bracket/],
    ['[1 2]', 1, 4, /expected a comma/],
    ['{\n  /* note\n  "a": 1\n}', 2, 3, /this comment does not end/],
    ["{ 'a': 1 }", 1, 3, /double quotes only/],
    ['{ "a": tru }', 1, 8, /not valid JSON/],
    ['{ "a": 01 }', 1, 9, /expected a comma/],
    ['{ "a": "x\ny" }', 1, 8, /does not end on its line/],
    ['{ "a": "\\d" }', 1, 8, /bad escape/],
    ['{} x', 1, 4, /not valid JSON/],
    ['{} 1', 1, 4, /expected the end/],
    ['{ "a": 1', 1, 9, /expected "}", but the file ends here/],
    ['{\n "a": 1,\n "b": { "a": 2 },\n "\\u0061": 3 }', 4, 2, /stands twice/],
    ['['.repeat(100), 1, 65, /nested too deeply/],
  ];
  for (const [text, line, column, message] of bad) {
    t.throws(() => parseJson(text), { name: 'JsonSyntaxError', line, column, message }, text.slice(0, 40));
  }
});

t.test('comments are no part of it', async (t) => {
  const text = '// a rule\n{ "a": "// no comment", /* nor\n this */ "b": 1 } // end';
  t.same(parseJson(text), { a: '// no comment', b: 1 });
  t.throws(() => parseJson('{ // "a": 1\n "b" }'), { name: 'JsonSyntaxError', line: 2, column: 6 });
});

t.test('never quotes the text', async (t) => {
  for (const text of ['{ "url": "hunter2" x }', '{ "hunter2" }', '{ "a": hunter2 }', '"hunter2']) {
    try {
      parseJson(text);
      t.fail('accepted');
    } catch (error) {
      t.notMatch(String(error), /hunter2/);
    }
  }
});

t.test('reads what JSON.stringify writes', async () => {
  fc.assert(fc.property(fc.json(), (text) => t.same(parseJson(text), JSON.parse(text))));
});

t.test('accepts and refuses as JSON.parse does, on broken texts too', async () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '\\',
    '1',
    '-',
    '0',
    '.5',
    'e9',
    'true',
    'nul',
    ' ',
    '\n',
    '\u0001',
  );
  const text = fc.oneof(
    fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.tuple(fc.json(), fc.nat(), fragment).map(([json, at, part]) => {
      const cut = at % (json.length + 1);
      return json.slice(0, cut) + part + json.slice(cut + (at % 3));
    }),
  );
  const outcome = (parse: (text: string) => unknown, source: string) => {
    try {
      parse(source);
      return 'accepted';
    } catch (error) {
      return /stands twice/.test(String(error)) ? 'twice' : 'refused';
    }
  };
  fc.assert(
    fc.property(text, (source) => {
      const own = outcome(parseJson, source);
      // The one point in which the reader is stricter, by intent.
      return own === 'twice' || own === outcome(JSON.parse, source);
    }),
    { numRuns: 5000 },
  );
});
