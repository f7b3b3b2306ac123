// Which refused writes pass, and why: what leaves a TTL where the server evicts, what is small and short-lived, what belongs to
// a rule that does not grow, what leaves its key no larger.
import { createHash } from 'node:crypto';
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { KeyMemory, TtlEffect } from '../../../src/core/policy/key-memory.js';
import { Policy } from '../../../src/core/policy/policy.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { Scripts } from '../../../src/core/policy/scripts.js';
import { ALL, ShedGate } from '../../../src/core/policy/shed.js';
import { sizeClassOf } from '../../../src/core/policy/size-class.js';
import { SPARED_NAMES, Spared } from '../../../src/core/policy/spared.js';
import { Action } from '../../../src/core/policy/verdict.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { cmd, NOW, RULES } from '../../support/session-lab.js';

const table = defaultCommandTable();
const base: Rule = {
  ...RULES[0],
  priority: Priority.NORMAL,
  ttlMs: 0,
  maxTtlMs: 0,
  jitter: 0,
  durable: false,
  observe: false,
  applyToAll: false,
};
const rule = (slot: number, name: string, more: Partial<Rule> = {}): Rule => ({
  ...base,
  ...{ slot, name, globs: [Buffer.from(`${name}:*`)] },
  ...more,
});
const OURS = [
  rule(1, 'hour', { ttlMs: 3_600_000, applyToAll: true }),
  rule(2, 'short', { ttlMs: 30_000, applyToAll: true }),
  rule(3, 'watch', { ttlMs: 30_000, observe: true }),
  rule(4, 'durable', { durable: true }),
  rule(5, 'script', { refusesScripts: true }),
  rule(6, 'cut', { maxTtlMs: 10_000 }),
  rule(7, 'scriptttl', { refusesScripts: true, scriptTtl: true, ttlMs: 3_600_000 }),
];

function lab(gate: (gate: ShedGate) => void = () => {}, most = 1e6) {
  const shed = new ShedGate();
  shed.active = shed.byKey = true;
  shed.thresholds.fill(ALL);
  shed.brief.most = most;
  shed.brief.pass(0);
  gate(shed);
  let now = 0;
  const keys = new KeyMemory(() => now);
  const sha1 = (source: Uint8Array) => createHash('sha1').update(source).digest('hex');
  const policy = new Policy({
    rules: new RuleSet({ rules: OURS, unregistered: { priority: Priority.NORMAL, observe: false } }),
    ...{ gate: shed, now: () => NOW, random: () => 0.5, keys },
    observer: {
      ...{ onWrite() {}, onShed() {}, onFollowUpReply() {}, onUpstreamOom() {} },
      ...{ onTtlDropped() {}, onSpared() {}, onOwnTtl() {}, onLatency() {} },
    },
    scripts: new Scripts({ pass: new Set(), commands: table, sha1 }),
  });
  const names = Object.keys(Spared);
  const decide = (
    words: readonly (string | number)[],
    followUps = true,
    until = Number.POSITIVE_INFINITY,
  ) => {
    const buf = Buffer.from(cmd(...words), 'latin1');
    const args = new RequestScanner();
    args.scan(buf, 0, Math.min(until, buf.length));
    const spec = table.find(buf, args.starts[0], args.ends[0]);
    if (spec === undefined) throw new Error('no such command');
    const verdict = policy.decide(args, spec, buf.length, followUps, 0);
    const { action, spared, briefBytes, briefMs, briefLeftMs } = verdict;
    if (action !== Action.SHED && briefBytes > 0) shed.brief.add(briefBytes, briefMs, briefLeftMs);
    if (action === Action.SHED) return 'shed';
    return names[spared] ?? '';
  };
  const key = (name: string) => {
    const bytes = Buffer.from(name);
    return [bytes, 0, bytes.length, hashKey(bytes, 0, bytes.length), 0] as const;
  };
  const pass = (ms: number) => {
    now += ms;
    shed.brief.pass(now);
  };
  return { decide, keys, key, gate: shed, pass };
}

const BIG = 'x'.repeat(2000);

t.test('where the server evicts keys with a TTL, what leaves one is spared', async (t) => {
  const { decide, keys, key, gate } = lab((gate) => {
    gate.sparesExpiring = true;
    gate.brief.most = 0;
  });
  for (const words of [
    ['SET', 'a', BIG, 'EX', 3600],
    ['SET', 'a', BIG, 'NX', 'PX', 5],
    ['SET', 'a', BIG, 'EXAT', Math.floor(NOW / 1000) + 100],
    ['SETEX', 'a', 3600, BIG],
    ['PSETEX', 'a', 3600, BIG],
    ['MSETEX', 1, 'a', BIG, 'EX', 3600],
    ['SET', 'hour:a', BIG],
    ['SET', 'hour:a', BIG, 'KEEPTTL'],
    ['HSET', 'hour:a', 'f', BIG],
    ['INCR', 'hour:a'],
    ['MSET', 'hour:a', BIG, 'short:b', BIG],
    ['SET', 'cut:a', BIG, 'EX', 3600],
  ])
    t.equal(decide(words), 'EXPIRING', words.slice(0, 2).join(' '));
  for (const words of [
    ['SET', 'a', BIG],
    ['SET', 'a', BIG, 'KEEPTTL'],
    ['SETNX', 'a', BIG],
    ['HSET', 'a', 'f', BIG],
    ['INCR', 'a'],
    ['LPUSH', 'durable:a', BIG],
    ['SET', 'durable:a', BIG],
    ['MSET', 'hour:a', BIG, 'durable:b', BIG],
  ])
    t.equal(decide(words), 'shed', words.slice(0, 2).join(' '));
  t.equal(decide(['SET', 'watch:a', BIG]), 'NONE', 'an observing rule gives no TTL, and refuses nothing');
  t.equal(decide(['HSET', 'hour:a', 'f', BIG], false), 'shed', 'no follow-up may be sent');
  keys.expires(60_000, false, ...key('cart'));
  t.equal(decide(['HSET', 'cart', 'f', BIG]), 'EXPIRING', 'the key has a TTL and keeps it');
  t.equal(decide(['SET', 'cart', BIG]), 'shed', 'it loses it');
  t.equal(decide(['SET', 'cart', BIG, 'KEEPTTL']), 'EXPIRING');
  gate.headroom.fill(1000);
  t.equal(decide(['SET', 'a', 'x'.repeat(100_000), 'EX', 60]), 'shed', 'a large write that does not fit');
  gate.thresholds.fill(0);
  t.equal(
    decide(['SET', 'a', 'x'.repeat(100_000), 'EX', 60]),
    'shed',
    'a large write that does not fit is refused',
  );
  gate.sparesExpiring = false;
  gate.thresholds.fill(ALL);
  t.equal(decide(['SET', 'a', BIG, 'EX', 3600]), 'shed');
});

t.test('a large value that still comes', async (t) => {
  const { decide } = lab((gate) => {
    gate.sparesExpiring = true;
  });
  const value = 'x'.repeat(50_000);
  t.equal(decide(['SET', 'hour:a', value], true, 100), 'EXPIRING');
  t.equal(decide(['SET', 'a', value], true, 100), 'shed');
  t.equal(decide(['SET', 'a', value, 'NX'], true, 100), 'shed');
  t.equal(decide(['SET', 'a', value, 'EX', 60], true, 100), 'EXPIRING');
  t.equal(decide(['SETEX', 'a', 60, value], true, 100), 'EXPIRING');
});

t.test('small and short-lived passes', async (t) => {
  const { decide } = lab();
  for (const words of [
    ['SET', 'lock:1', 'token', 'NX', 'EX', 30],
    ['SET', 'lock:2', 'token', 'PX', 60_000],
    ['SETEX', 'code:1', 60, '123456'],
    ['PSETEX', 'code:2', 100, '123456'],
    ['SET', 'short:1', 'x'],
    ['HSET', 'short:2', 'f', 'x'],
    ['MSETEX', 2, 'a', 1, 'b', 2, 'EX', 10],
    ['SET', 'cut:1', 'x', 'EX', 3600],
    ['INCR', 'rate:1'],
    ['INCRBY', 'rate:2', 5],
    ['DECR', 'rate:3'],
    ['INCRBYFLOAT', 'rate:4', '1.5'],
    ['SET', 'lock:3', 'x'.repeat(900), 'EX', 60],
  ])
    t.equal(decide(words), 'BRIEF', words.join(' ').slice(0, 50));
  for (const words of [
    ['SET', 'lock:1', 'token', 'NX', 'EX', 61],
    ['SET', 'lock:1', 'token'],
    ['SET', 'hour:1', 'x'],
    ['SET', 'lock:1', BIG, 'EX', 1],
    ['INCR', `rate:${'x'.repeat(60)}`],
    ['HSET', 'a', 'f', 'x'],
    ['HINCRBY', 'a', 'f', 1],
    ['MSET', 'short:1', 'x', 'hour:2', 'x'],
  ])
    t.equal(decide(words), 'shed', words.join(' ').slice(0, 50));
});

t.test('as long as it is little: then it is judged as any other, until what stands has ended', async (t) => {
  const { decide, gate, pass } = lab(() => {}, 100_000);
  const lock = (i: number) => decide(['SET', `lock:${i}`, 'x'.repeat(800), 'NX', 'EX', 60]);
  let passed = 0;
  for (let i = 0; i < 1000; i++) if (lock(i) === 'BRIEF') passed++;
  t.ok(passed > 80 && passed < 120, `${passed} of 1000`);
  t.ok(gate.brief.standing <= 100_000);
  for (let s = 0; s < 50; s++) pass(1000);
  t.equal(lock(2000), 'shed');
  for (let s = 0; s < 11; s++) pass(1000);
  t.equal(lock(2000), 'BRIEF');
});

t.test('a counter or a lock that is there adds nothing', async (t) => {
  const { decide, gate, keys, key } = lab(() => {}, 1000);
  keys.expires(60_000, false, ...key('rate:1'));
  for (let i = 0; i < 100; i++) t.equal(decide(['INCR', 'rate:1']), 'BRIEF');
  t.equal(gate.brief.standing, 0);
  keys.expires(60_000, false, ...key('lock:1'));
  for (let i = 0; i < 100; i++) t.equal(decide(['SET', 'lock:1', 'x', 'NX', 'EX', 60]), 'BRIEF');
  t.equal(gate.brief.standing, 0);
  for (let i = 0; i < 100; i++) t.equal(decide(['SET', 'lock:1', 'x', 'EX', 60]), 'BRIEF');
});

t.test('a counter counts with the TTL that its rule gives it', async (t) => {
  const { decide, gate } = lab();
  t.equal(decide(['INCR', 'hour:1']), 'BRIEF');
  t.ok(gate.brief.standing > 60 * 100, `${gate.brief.standing}`);
});

t.test('scripts, where their source tells that they only count or set short TTLs', async (t) => {
  const { decide } = lab();
  const run = (source: string, ...args: string[]) => decide(['EVAL', source, 1, 'script:1', ...args]);
  for (const source of [
    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n",
    "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])",
    "return redis.call('set', KEYS[1], redis.call('GET', KEYS[1]), 'ex', 60)",
    "return redis.call('SET', KEYS[1], ARGV[1], 'EX', '30')",
  ])
    t.equal(run(source, 'a', '10'), 'BRIEF', source);
  for (const source of [
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return redis.call('SET', KEYS[1], ARGV[1], 'EX', 3600)",
    "return redis.call('SET', KEYS[1], ARGV[1], 'NX')",
    "redis.call('INCR', KEYS[1]) return redis.call('LPUSH', KEYS[1], 'x')",
    "return redis.call('SET', KEYS[1], f('EX', 10))",
  ])
    t.equal(run(source, 'a', '10'), 'shed', source);
  t.equal(run("return redis.call('INCR', KEYS[1])", BIG), 'shed', 'its arguments are large');
});

t.test('a script whose rule gives TTLs, where the server evicts', async (t) => {
  const { decide } = lab((gate) => {
    gate.sparesExpiring = true;
  });
  const source = "return redis.call('LPUSH', KEYS[1], 'x')";
  t.equal(decide(['EVAL', source, 1, 'scriptttl:1']), 'EXPIRING');
  t.equal(decide(['EVAL', source, 1, 'scriptttl:1'], false), 'shed');
  t.equal(decide(['EVAL', source, 1, 'script:1']), 'shed');
});

t.test('a rule that does not grow is spared until all of its priority is refused', async (t) => {
  const { decide, gate } = lab((gate) => {
    gate.steady = new Uint8Array(8);
    gate.steady[4] = 1;
    gate.thresholds.fill(ALL - 1);
  });
  t.equal(decide(['ZADD', 'durable:1', 1, 'a']), 'STEADY');
  t.equal(decide(['ZADD', 'script:1', 1, 'a']), 'shed');
  gate.thresholds.fill(ALL);
  t.equal(decide(['ZADD', 'durable:1', 1, 'a']), 'shed');
});

t.test('a large value of which the length is known may rewrite its key', async (t) => {
  const { decide, keys, key, gate } = lab((gate) => {
    gate.brief.most = 0;
  });
  gate.thresholds.fill(ALL - 1);
  const value = 'x'.repeat(20_000);
  keys.written(TtlEffect.NONE, 0, sizeClassOf(value.length), false, ...key('a'));
  // It ends within the value.
  const came = cmd('SET', 'a', value).length - value.length + 10;
  t.equal(decide(['SET', 'a', value], true, came), 'REWRITE', 'no larger');
  t.equal(decide(['SET', 'a', 'x'.repeat(80_000)], true, came), 'shed', 'larger');
});

t.test('each reason to spare a write has its own names', async (t) => {
  t.same(
    SPARED_NAMES.map((name) => (Spared as Record<string, number>)[name.toUpperCase()]),
    SPARED_NAMES.map((_, i) => i + 1),
  );
});
