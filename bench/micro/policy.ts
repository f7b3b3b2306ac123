// What deciding costs: ns for finding a key's rule, for its hash, and for a whole verdict.
// Run: npx tsx bench/micro/policy.ts
import { bench, do_not_optimize, group, run } from 'mitata';
import { defaultCommandTable } from '../../src/commands/table.js';
import { globMatches } from '../../src/policy/glob.js';
import { hashKey } from '../../src/policy/hash.js';
import { Policy } from '../../src/policy/policy.js';
import { Priority, type Rule } from '../../src/policy/rule.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/policy/shed.js';
import { encodeCommand } from '../../src/resp/encode.js';
import { RequestScanner } from '../../src/resp/request-scanner.js';

const observer = {
  onWrite() {},
  onShed() {},
  onFollowUpReply() {},
  onUpstreamOom() {},
  onLatency() {},
};

function rule(slot: number, glob: string, rest: Partial<Rule> = {}): Rule {
  return {
    ...{ slot, name: glob, globs: [Buffer.from(glob)], ttlMs: 3_600_000, maxTtlMs: 0, jitter: 0 },
    ...{ durable: false, priority: Priority.NORMAL, observe: false, applyToAll: false },
    ...rest,
  };
}

const rules = new RuleSet({
  rules: [
    rule(1, 'session:*', { maxTtlMs: 86_400_000, priority: Priority.HIGH }),
    rule(2, 'cache:*', { jitter: 0.1, priority: Priority.LOW }),
    rule(3, 'user:*:profile'),
    ...Array.from({ length: 20 }, (_, i) => rule(4 + i, `app${i}:*`)),
  ],
  unregistered: { priority: Priority.NORMAL, observe: false },
});

function find(name: string, text: string): void {
  const key = Buffer.from(text);
  bench(name, () => do_not_optimize(rules.find(key, 0, key.length)));
}

group('RuleSet.find among 23 rules', () => {
  find('first rule, a prefix', 'session:1234567890');
  find('a star in the middle', 'user:1234567890:profile');
  find('last of 20 with the same first letter', 'app19:1234567890');
  find('no rule begins like that', 'zzz:1234567890');
});

group('the parts', () => {
  const key = Buffer.from('session:1234567890');
  const glob = Buffer.from('user:*:profile');
  const long = Buffer.from(`user:${'a:b'.repeat(20)}:profile`);
  bench('hashKey, 18 bytes', () => do_not_optimize(hashKey(key, 0, key.length)));
  bench('globMatches with backtracking, 73 bytes', () =>
    do_not_optimize(globMatches(glob, long, 0, long.length)),
  );
});

const table = defaultCommandTable();

function decide(name: string, gate: ShedGate, ...args: string[]): void {
  const policy = new Policy({ rules, gate, observer, now: Date.now, random: Math.random });
  const bytes = encodeCommand(...args);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const spec = table.find(bytes, scanner.starts[0], scanner.ends[0]);
  if (spec === undefined) throw new Error(`no command ${args[0]}`);
  bench(name, () => do_not_optimize(policy.decide(scanner, spec, bytes.length, true)));
}

const value = 'x'.repeat(64);
const pressed = new ShedGate();
pressed.active = pressed.byKey = true;
pressed.thresholds[Priority.LOW] = ALL / 2;
const pairs = Array.from({ length: 10 }, (_, i) => [`app${i}:key`, value]).flat();

group('Policy.decide', () => {
  decide('SET, TTL injected', new ShedGate(), 'SET', 'session:1234567890', value);
  decide('SET, TTL with jitter', new ShedGate(), 'SET', 'cache:1234567890', value);
  decide('SET EX within bounds', new ShedGate(), 'SET', 'session:1234567890', value, 'EX', '3600');
  decide('SET of no rule', new ShedGate(), 'SET', 'zzz:1234567890', value);
  decide('SET under pressure', pressed, 'SET', 'session:1234567890', value);
  decide('HSET', new ShedGate(), 'HSET', 'session:1234567890', 'field', value);
  decide('MSET of 10 keys', new ShedGate(), 'MSET', ...pairs);
});

await run();
