// The rule set against a plain loop over all globs, and the hash that decides which keys are shed first.
import fc from 'fast-check';
import t from 'tap';
import { globMatches } from '../../src/policy/glob.js';
import { hashKey } from '../../src/policy/hash.js';
import { Priority, type Rule } from '../../src/policy/rule.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { RULES } from '../support/session-lab.js';

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

t.test('first match wins, as a loop over all globs would find it', async () => {
  const rules = fc.array(fc.array(glob, { minLength: 1, maxLength: 3 }), { maxLength: 8 }).map(rulesOf);
  fc.assert(
    fc.property(rules, fc.array(key, { minLength: 1, maxLength: 20 }), (rules, keys) => {
      const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } });
      for (const key of keys) {
        const expected = rules.find(({ globs }) =>
          globs.some((glob) => globMatches(glob, key, 0, key.length)),
        );
        const framed = Buffer.concat([Buffer.from('**'), key, Buffer.from('**')]);
        const found = set.find(framed, 2, 2 + key.length);
        if (found.slot !== (expected?.slot ?? 0)) throw new Error(`${key.toString('latin1')}: ${found.name}`);
      }
    }),
    { numRuns: 5000 },
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
      shares[Math.floor(hash / 2 ** 28)]++;
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
  const hash = (text: string) => hashKey(Buffer.from(text), 0, text.length);
  t.same([hash(''), hash('a'), hash('session:42')], [2872998923, 444641715, 1155779019]);
});
