// Names of keys: text where they are text, bytes as redis-cli writes them where not.
import t from 'tap';
import { keyText } from '../../../src/tools/analyze/key-text.js';

t.test('a key as text: what is not UTF-8 or cannot be printed is escaped', async (t) => {
  const cases: [Buffer, string][] = [
    [Buffer.from('user:1'), 'user:1'],
    [Buffer.from('\u{1f600}:日本'), '\u{1f600}:日本'],
    [Buffer.from('\ufeffbom'), '\ufeffbom'],
    [Buffer.alloc(0), ''],
    [Buffer.from([0x61, 0xff, 0x00, 0x7f]), 'a\\xff\\x00\\x7f'],
    [Buffer.from([0xed, 0xa0, 0x80]), '\\xed\\xa0\\x80'],
  ];
  for (const [key, text] of cases) t.equal(keyText(key), text);
});
