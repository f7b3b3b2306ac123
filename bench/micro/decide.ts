// What deciding costs: finding a key's rule, hashing it, and the whole verdict on a write.
import { defaultCommandTable } from '../../src/core/commands/table.js';
import { FAMILIES } from '../../src/core/policy/families.js';
import { familyRules } from '../../src/core/policy/family-rules.js';
import { globMatches } from '../../src/core/policy/glob.js';
import { hashKey } from '../../src/core/policy/hash.js';
import { Policy } from '../../src/core/policy/policy.js';
import { Priority } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { encodeCommand } from '../../src/core/resp/encode.js';
import { RequestScanner } from '../../src/core/resp/request-scanner.js';
import { type MicroCase, NO_OBSERVER, rule, VALUE } from './case.js';

const rules = new RuleSet({
  rules: [
    rule(1, 'session:*', { maxTtlMs: 86_400_000, priority: Priority.HIGH }),
    rule(2, 'cache:*', { jitter: 0.1, priority: Priority.LOW }),
    rule(3, 'user:*:profile'),
    ...Array.from({ length: 20 }, (_, i) => rule(4 + i, `app${i}:*`)),
  ],
  unregistered: { priority: Priority.NORMAL, observe: false },
});
/** Four rules of a config, and the built-in ones. */
const withFamilies = new RuleSet({
  rules: [
    ...['session:*', 'cache:*', 'temp:*', 'queue:*'].map((glob, i) => rule(i + 1, glob)),
    ...familyRules(FAMILIES, 5, false),
  ],
  unregistered: { priority: Priority.NORMAL, observe: false },
});
const table = defaultCommandTable();

function find(what: string, text: string): MicroCase {
  const key = Buffer.from(text);
  return { what: `rule of 23: ${what}`, commands: 1, run: () => rules.find(key, 0, key.length) };
}

function findWithFamilies(text: string): MicroCase {
  const key = Buffer.from(text);
  return {
    what: `rule of 4, job systems behind: ${text}`,
    commands: 1,
    run: () => withFamilies.find(key, 0, key.length),
  };
}

/** Among `count` rules of one kind; `#` in a key is the number of the last one. */
function findAmong(
  count: number,
  what: string,
  globOf: (number: string) => string,
  keys: readonly string[],
): MicroCase[] {
  const numbered = Array.from({ length: count }, (_, i) => String(i + 1).padStart(4, '0'));
  const many = new RuleSet({
    rules: numbered.map((number, i) => rule(i + 1, globOf(number))),
    unregistered: { priority: Priority.NORMAL, observe: false },
  });
  return keys.map((text) => {
    const key = Buffer.from(text.replace('#', String(count).padStart(4, '0')));
    return {
      what: `rule of ${count} ${what}: ${key}`,
      commands: 1,
      run: () => many.find(key, 0, key.length),
    };
  });
}

function amongMany(): MicroCase[] {
  const glob = (number: string) => `*x${number}*y`;
  const prefix = (number: string) => `p${number}:*`;
  return [
    ...[4, 100, 1000].flatMap((count) => [
      ...findAmong(count, 'prefixes', prefix, ['p#:1234567890', 'p:1234567890']),
      ...findAmong(count, 'globs', glob, ['x#:1234567890:y', 'z:1234567890:y']),
    ]),
    ...findAmong(1000, 'globs, same ending', (number) => `*:${number}?:session`, ['user:#5:session']),
  ];
}

function decide(what: string, gate: ShedGate, ...args: string[]): MicroCase {
  const policy = new Policy({ rules, gate, observer: NO_OBSERVER, now: Date.now, random: Math.random });
  const bytes = encodeCommand(...args);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const spec = table.find(bytes, scanner.starts[0], scanner.ends[0]);
  if (spec === undefined) throw new Error(`no command ${args[0]}`);
  return { what, commands: 1, run: () => policy.decide(scanner, spec, bytes.length, true) };
}

export function decideCases(): MicroCase[] {
  const key = Buffer.from('session:1234567890');
  const glob = Buffer.from('user:*:profile');
  const long = Buffer.from(`user:${'a:b'.repeat(20)}:profile`);
  const pressed = new ShedGate();
  pressed.active = pressed.byKey = true;
  pressed.thresholds[Priority.LOW] = ALL / 2;
  const pairs = Array.from({ length: 10 }, (_, i) => [`app${i}:key`, VALUE]).flat();
  return [
    find('the first, a prefix', 'session:1234567890'),
    find('a star in the middle', 'user:1234567890:profile'),
    find('last of 20 with the same first letter', 'app19:1234567890'),
    find('none begins like that', 'zzz:1234567890'),
    ...['session:1234567890', 'zzz:1234567890', 'cart:1234:items', 'web-1:4711:0a1b2c3d4e5f'].map(
      findWithFamilies,
    ),
    ...amongMany(),
    { what: 'hash of a key, 18 bytes', commands: 1, run: () => hashKey(key, 0, key.length) },
    {
      what: 'glob that goes back, 73 bytes',
      commands: 1,
      run: () => globMatches(glob, long, 0, long.length),
    },
    decide('SET is given a TTL', new ShedGate(), 'SET', 'session:1234567890', VALUE),
    decide('SET is given a TTL with jitter', new ShedGate(), 'SET', 'cache:1234567890', VALUE),
    decide('SET EX within bounds', new ShedGate(), 'SET', 'session:1234567890', VALUE, 'EX', '3600'),
    decide('SET of no rule', new ShedGate(), 'SET', 'zzz:1234567890', VALUE),
    decide('SET under pressure', pressed, 'SET', 'session:1234567890', VALUE),
    decide('HSET', new ShedGate(), 'HSET', 'session:1234567890', 'field', VALUE),
    decide('MSET of 10 keys', new ShedGate(), 'MSET', ...pairs),
  ];
}
