// One word for one thing: the documents use the words of the glossary (ARCHITECTURE.md, Words), and not these.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const ROOT = new URL('../../', import.meta.url);
/** A word of no document, and the one for it. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/\bback-?\s?ends?\b/i, 'server'],
  [/\bupstream servers?\b/i, 'server'],
  [/\bdatastores?\b/i, 'server'],
  [/\bload[- ]shed/i, 'to shed'],
  [/\btime[- ]to[- ]live\b/i, 'TTL'],
  [/\b(black|white)lists?\b/i, 'rules'],
  [/\bhash ?tags?\b/i, '{tag}'],
  [/\b(memory )?watermarks?\b/i, 'band'],
];

t.test('no synonyms', async (t) => {
  const docs = readdirSync(new URL('docs/', ROOT)).filter((name) => name.endsWith('.md'));
  for (const name of ['README.md', 'CONTRIBUTING.md', ...docs.map((doc) => `docs/${doc}`)]) {
    const lines = readFileSync(new URL(name, ROOT), 'utf8').split('\n');
    const found = INSTEAD.flatMap(([synonym, word]) =>
      lines.flatMap((line, i) => (synonym.test(line) ? [`${name}:${i + 1}: say "${word}": ${line}`] : [])),
    );
    t.same(found, [], name);
  }
});
