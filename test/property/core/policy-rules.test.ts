// The rule set against a plain loop over all globs, and the hash that decides which keys are shed first.
import fc from 'fast-check';
import t from 'tap';
import { globMatches } from '../../../src/core/policy/glob.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { RULES } from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';

const byte = fc.constantFrom(...Buffer.from('ab:*?[]^-\\'), 0xff);
const glob = fc.oneof(
  fc.array(byte, { maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  fc.array(fc.constantFrom(0x61, 0x62, 0x3a), { maxLength: 4 }).map((bytes) => Buffer.from([...bytes, 0x2a])),
);
const key = fc
  .array(fc.constantFrom(0x61, 0x62, 0x3a, 0x2a, 0xff), { maxLength: 6 })
  .map((bytes) => Buffer.from(bytes));

function rulesOf(globs: readonly (readonly Buffer[])[]): Rule[] {
  return globs.map((of, i) => ({ ...RULES[0], name: `rule ${i}`, slot: i + 1, globs: of }));
}

/** Makes the last rules built-in ones. */
function withBuiltIn(rules: readonly Rule[], count: number): Rule[] {
  return rules.map((rule, i) => ({ ...rule, builtIn: i >= rules.length - count }));
}

/** As find() orders them: first the config's own, then built-in ones, those that begin with a star last. */
function inOrder(rules: readonly Rule[]): readonly (readonly [Rule, Uint8Array])[] {
  const pairs = rules.flatMap((rule) => rule.globs.map((glob) => [rule, glob] as const));
  const place = ([rule, glob]: readonly [Rule, Uint8Array]) =>
    rule.builtIn !== true ? 0 : glob[0] === 0x2a ? 2 : 1;
  return pairs.sort((a, b) => place(a) - place(b));
}

function holdTo(rules: readonly Rule[], keys: readonly Buffer[]): number {
  const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } });
  const ordered = inOrder(rules);
  let matches = 0;
  for (const key of keys) {
    const [expected] =
      (key.length === 0 ? inOrder(rules.map((rule) => ({ ...rule, builtIn: false }))) : ordered).find(
        ([, glob]) => globMatches(glob, key, 0, key.length),
      ) ?? [];
    const framed = Buffer.concat([Buffer.from('**'), key, Buffer.from('**')]);
    const found = set.find(framed, 2, 2 + key.length);
    if (found.slot !== (expected?.slot ?? 0)) throw new Error(`${key.toString('latin1')}: ${found.name}`);
    if (expected !== undefined) matches++;
  }
  return matches;
}

t.test('first match wins, as a loop over all globs would find it', async () => {
  const rules = fc.array(fc.array(glob, { minLength: 1, maxLength: 3 }), { maxLength: 8 }).map(rulesOf);
  fc.assert(
    fc.property(rules, fc.array(key, { minLength: 1, maxLength: 20 }), fc.nat(8), (rules, keys, builtIn) => {
      holdTo(withBuiltIn(rules, builtIn), keys);
    }),
    { numRuns: FULL ? 5000 : 1000 },
  );
});

t.test('the rule set finds the first match among many globs with common parts', async (t) => {
  // Little that matches everything, so that late rules have their turn, too.
  const letters = fc.array(fc.constantFrom(...Buffer.from('abA:*\\'), 0x80, 0xff), {
    minLength: 1,
    maxLength: 3,
  });
  const filler = fc.constantFrom(
    ...['', 'session:', 'x'.repeat(61), 'x'.repeat(70)].map((s) => [...Buffer.from(s)]),
  );
  const wildcard = fc.constantFrom(
    ...['', '*', '**', '?', '[ab]', '[^a]', '[a-', '[a-]b]', '[\\]b]', '\\'].map((s) => [...Buffer.from(s)]),
  );
  const escaped = letters.map((bytes) => bytes.flatMap((byte) => [0x5c, byte]));
  const many = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(filler, letters).map(([a, b]) => [...a, ...b, 0x2a]) },
    {
      weight: 3,
      arbitrary: fc.tuple(filler, escaped, wildcard, letters, wildcard).map((parts) => parts.flat()),
    },
    { weight: 2, arbitrary: fc.tuple(letters, filler).map((parts) => parts.flat()) },
    {
      weight: 2,
      arbitrary: fc.tuple(wildcard, letters, filler, wildcard, letters).map((parts) => parts.flat()),
    },
    { weight: 1, arbitrary: fc.tuple(wildcard, wildcard, letters).map((parts) => [0x3f, ...parts.flat()]) },
  );
  const rules = fc
    .array(
      fc.array(
        many.map((bytes) => Buffer.from(bytes)),
        { minLength: 1, maxLength: 3 },
      ),
      { maxLength: 60, size: 'max' },
    )
    .map(rulesOf);
  const plain = fc.array(fc.constantFrom(...Buffer.from('abA:x*\\'), 0x80, 0xff), { maxLength: 4 });
  const keys = fc.array(
    fc.tuple(plain, filler, plain, filler, plain).map((parts) => Buffer.from(parts.flat())),
    { minLength: 1, maxLength: 20 },
  );
  let matches = 0;
  let looked = 0;
  fc.assert(
    fc.property(rules, keys, fc.nat(60), (rules, keys, builtIn) => {
      matches += holdTo(withBuiltIn(rules, builtIn), keys);
      looked += keys.length;
    }),
    { numRuns: FULL ? 1000 : 150 },
  );
  t.ok(matches > looked / 10 && matches < looked, `${matches} of ${looked} keys match`);
});

t.test('a thousand rules, each found by its own key', async (t) => {
  for (const globOf of [(i: number) => `p${i}:*`, (i: number) => `*x${i}y*`, (i: number) => `k${i}`]) {
    const rules = rulesOf(Array.from({ length: 1000 }, (_, i) => [Buffer.from(globOf(i))]));
    const keys = rules.map(({ globs }) => Buffer.from(String(globs[0]).replaceAll('*', 'z')));
    t.equal(holdTo(rules, keys), 1000);
    t.equal(holdTo(rules, [Buffer.from('p'), Buffer.from('zz'), Buffer.from('k1000')]), 0);
  }
});

t.test('a key that leads to the same globs from each of its bytes', async (t) => {
  const rules = rulesOf(Array.from({ length: 20 }, (_, i) => [Buffer.from(`*aaa[xy]${'?'.repeat(i)}`)]));
  t.equal(
    holdTo(rules, [Buffer.alloc(100_000, 'a'), Buffer.from(`${'a'.repeat(9000)}y${'b'.repeat(19)}`)]),
    1,
  );
});

t.test('hashes of similar keys fall evenly into shares, wherever the key lies', async (t) => {
  const families: readonly ((i: number) => string)[] = [
    (i) => `session:${i}`,
    (i) => `cache:user:${i * 1000}:profile`,
    (i) => `${i}`,
    (i) => `k${String(i).padStart(12, '0')}`,
    (i) => String.fromCharCode(i & 255, i >> 8),
  ];
  const count = 20_000;
  for (const nameOf of families) {
    const shares = new Array<number>(16).fill(0);
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) {
      const bytes = Buffer.from(nameOf(i), 'latin1');
      const hash = hashKey(bytes, 0, bytes.length);
      if (hash !== hashKey(Buffer.concat([Buffer.from('x'), bytes]), 1, bytes.length + 1)) t.fail('moved');
      shares[hash >>> 28]++;
      seen.add(hash);
    }
    const expected = count / shares.length;
    const chiSquare = shares.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // 15 degrees of freedom: above 50 one time in 100,000.
    t.ok(chiSquare < 50, `${JSON.stringify(nameOf(1))}: chi-square ${chiSquare.toFixed(1)}`);
    t.ok(seen.size > count - 5, `${JSON.stringify(nameOf(1))}: ${count - seen.size} collisions`);
  }
});

t.test('the hash is what it was in every version', async (t) => {
  const hash = (text: string) => hashKey(Buffer.from(text), 0, text.length) >>> 0;
  t.same([hash(''), hash('a'), hash('session:42')], [2872998923, 444641715, 1155779019]);
});
