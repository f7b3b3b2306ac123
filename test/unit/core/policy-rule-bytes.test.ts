// Rules whose glob is one byte, or one element: each matches the keys of that byte, however few or many rules there are; and a
// copy of a key is known as the key itself is.
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { cmd, makeSession, RULES } from '../../support/session-lab.js';

const rule = (slot: number, glob: string): Rule => ({
  ...(RULES[0] as Rule),
  ...{ slot, name: glob, globs: [Buffer.from(glob, 'latin1')] },
});

t.test('one byte', async (t) => {
  for (const count of [1, 4, 40, 400]) {
    const globs = [
      'x',
      '?',
      '[yz]',
      '\\*',
      ...Array.from({ length: count }, (_, i) => `other:${i}:*`),
      'xx',
      '*',
    ];
    const rules = new RuleSet({
      rules: globs.map((glob, i) => rule(i + 1, glob)),
      unregistered: { priority: Priority.NORMAL, observe: false },
    });
    const slotOf = (key: string): string | undefined => {
      const { slot } = rules.find(Buffer.from(key), 0, key.length);
      return globs[slot - 1];
    };
    t.same(
      ['x', 'y', 'z', '*', 'xx', 'other:0:a', ''].map(slotOf),
      ['x', '?', '?', '?', 'xx', 'other:0:*', '*'],
      `${count} rules`,
    );
  }
});

t.test('a key that was copied or renamed is known under its new name', async (t) => {
  for (const [command, stays] of [
    [cmd('COPY', 'a', 'b'), true],
    [cmd('COPY', 'a', 'b', 'REPLACE'), true],
    [cmd('RENAME', 'a', 'b'), false],
  ] as const) {
    const keys = new KeyMemory(() => 0);
    const { session } = makeSession({ keys });
    session.fromClient(Buffer.from(cmd('SET', 'a', 'v', 'PX', 10_000)));
    const stateOf = (key: string) => keys.find(Buffer.from(key), 0, 1, hashKey(Buffer.from(key), 0, 1), 0);
    const before = stateOf('a');
    t.not(before, 0);
    session.fromClient(Buffer.from(command));
    t.equal(stateOf('b'), before, command);
    t.equal(stateOf('a'), stays ? before : 0);
  }
});
