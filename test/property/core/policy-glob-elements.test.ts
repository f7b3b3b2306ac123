// The elements of a glob: which bytes each of them matches, beside the matcher itself, and which bytes stand alone.
import fc from 'fast-check';
import t from 'tap';
import { globMatches, STAR } from '../../../src/core/policy/glob.js';
import { type ByteSet, type GlobElement, globElements } from '../../../src/core/policy/glob-elements.js';

const text = (glob: string): ByteSet[] => globElements(Buffer.from(glob, 'latin1')) as ByteSet[];

t.test('each byte, escaped or not, is a set of that byte alone', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    // The others mean something else there.
    const globs = [
      `\\${char}`,
      ...('*?[\\'.includes(char) ? [] : [char]),
      ...(']^\\'.includes(char) ? [] : [`[${char}]`]),
    ];
    for (const glob of globs) {
      const [{ has, only }] = text(glob);
      if (only !== byte) t.fail(`${JSON.stringify(glob)}: ${only}`);
      if (has.length !== 256 || has.reduce((sum, each) => sum + each) !== 1 || has[byte] !== 1)
        t.fail(`${JSON.stringify(glob)} matches others`);
    }
  }
  t.pass();
});

t.test('a class is the bytes that it matches', async (t) => {
  for (const glob of ['[a-c]', '[^a]', '[]', '[^]', '[z-a]', '[\x80-\xff]', '?', '[\x00-\x01]']) {
    const [{ has, only }] = text(glob);
    const matched = Array.from({ length: 256 }, (_, byte) =>
      Number(globMatches(Buffer.from(glob, 'latin1'), Uint8Array.of(byte), 0, 1)),
    );
    t.same([...has], matched, glob);
    t.equal(only, undefined, `${glob} has several bytes, or none`);
  }
});

// Not the empty key: only `*` matches it, whatever follows.
t.test('a key that matches a glob matches its elements one by one, and no other does', async () => {
  const word = (most: number) =>
    fc.array(fc.constantFrom(...'ab-^]'), { minLength: 1, maxLength: most }).map((chars) => chars.join(''));
  const glob = fc.array(fc.constantFrom(...'ab-^]*?[[\\\\'), { maxLength: 9 }).map((chars) => chars.join(''));
  fc.assert(
    fc.property(glob, fc.array(word(5), { minLength: 8, maxLength: 8 }), (pattern, keys) => {
      const elements = globElements(Buffer.from(pattern));
      return keys.every((key) => {
        const bytes = Buffer.from(key);
        return matches(elements, bytes) === globMatches(Buffer.from(pattern), bytes, 0, bytes.length);
      });
    }),
    { numRuns: 3000 },
  );
});

function matches([element, ...rest]: readonly GlobElement[], key: Uint8Array): boolean {
  if (element === undefined) return key.length === 0;
  if (element === STAR)
    return matches(rest, key) || (key.length > 0 && matches([STAR, ...rest], key.subarray(1)));
  return key.length > 0 && element.has[key[0]] === 1 && matches(rest, key.subarray(1));
}
