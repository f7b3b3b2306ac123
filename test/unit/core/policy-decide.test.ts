// The policy's verdict on one command, where a session test would need a newer server or cannot look: MSETEX, key
// positions, jitter, observe mode, growth, and what cannot be decided yet.
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { TtlOutcome } from '../../../src/core/policy/observer.js';
import { Policy } from '../../../src/core/policy/policy.js';
import { Refusal } from '../../../src/core/policy/refusal.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../../src/core/policy/shed.js';
import { clampExpiry, ExpiryUnit, readExpiry } from '../../../src/core/policy/ttl-options.js';
import { drawTtl } from '../../../src/core/policy/ttl-outcome.js';
import { Action } from '../../../src/core/policy/verdict.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { cmd, NOW, RULES } from '../../support/session-lab.js';

const table = defaultCommandTable();
const STRICT: Rule = {
  ...RULES[3],
  slot: 7,
  name: 'strict',
  globs: [Buffer.from('strict:*')],
  maxTtlMs: 2000,
};
const observer = {
  onWrite() {},
  onShed() {},
  onFollowUpReply() {},
  onUpstreamOom() {},
  onTtlDropped() {},
  onSpared() {},
  onOwnTtl() {},
  onLatency() {},
};

interface Decision {
  action: string;
  keys: string[];
  outcomes: string[];
  recorded: boolean;
  growth: number;
  suffix: string;
  /** `index=number`. */
  replaced: string;
  shedKey: number;
  refusal: string;
}

/** Decides on one whole command, or on its first `until` bytes. */
function decide(
  bytes: string,
  {
    followUps = true,
    gate = new ShedGate(),
    until = bytes.length,
    rules = [...RULES, STRICT],
    random = 0.5,
    pointsInTime = true,
  } = {},
): Decision {
  const policy = new Policy({
    rules: new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } }),
    ...{ gate, observer, now: () => NOW, random: () => random },
  });
  policy.ttl.pointsInTime = pointsInTime;
  const args = new RequestScanner();
  const buf = Buffer.from(bytes, 'latin1');
  args.scan(buf, 0, until);
  const spec = table.find(buf, args.starts[0], args.ends[0]);
  if (spec === undefined) throw new Error('no such command');
  const verdict = policy.decide(args, spec, bytes.length, followUps);
  const { count, argument, outcome, recorded, growth, suffix, suffixLength, shedKey, refusal } = verdict;
  const names = Object.keys(TtlOutcome);
  const append = verdict.action === Action.APPEND;
  return {
    action: Object.keys(Action)[verdict.action],
    keys: argument.slice(0, count).map((i) => buf.toString('latin1', args.starts[i], args.ends[i])),
    outcomes: recorded ? outcome.slice(0, count).map((o) => names[o]) : [],
    ...{ recorded, growth, shedKey },
    refusal: Object.keys(Refusal)[refusal],
    suffix: append ? Buffer.from(suffix.slice(0, suffixLength)).toString('latin1') : '',
    replaced: verdict.action === Action.REPLACE ? `${verdict.replaceIndex}=${verdict.replacement}` : '',
  };
}

function shedding(...priorities: Priority[]): ShedGate {
  const gate = new ShedGate();
  gate.active = gate.byKey = true;
  for (const priority of priorities) gate.thresholds[priority] = ALL;
  return gate;
}

const px = (ms: number): string => cmd('PX', ms).slice('*2\r\n'.length);

t.test('a server without points in time gets them as they are, to refuse them', async (t) => {
  for (const words of [
    ['SET', 'max:a', 'v', 'EXAT', 99_999_999_999],
    ['SET', 'max:a', 'v', 'PXAT', 99_999_999_999_999],
    ['GETEX', 'max:a', 'EX', 99_999],
    ['GETEX', 'max:a', 'EXAT', 99_999_999_999],
  ]) {
    t.match(decide(cmd(...words)), { action: 'REPLACE' }, words.join(' '));
    t.match(decide(cmd(...words), { pointsInTime: false }), { action: 'PASS', recorded: false });
  }
  t.match(decide(cmd('SET', 'max:a', 'v', 'EX', 99_999), { pointsInTime: false }), { action: 'REPLACE' });
});

t.test('MSETEX: one TTL for all its keys', async (t) => {
  const pairs = (...keys: string[]) => ['MSETEX', keys.length, ...keys.flatMap((key) => [key, 'v'])];
  const alike = decide(cmd(...pairs('str:a', 'str:b')));
  t.match(alike, { action: 'APPEND', suffix: px(30_000), outcomes: ['INJECTED', 'INJECTED'] });
  t.same(alike.keys, ['str:a', 'str:b']);
  t.match(decide(cmd(...pairs('str:a', 'ttl:b', 'other'))), {
    action: 'PASS',
    outcomes: ['FOLLOW_UP', 'FOLLOW_UP', 'WITHOUT_TTL'],
  });
  t.match(decide(cmd(...pairs('max:a', 'strict:b'), 'EX', 99)), {
    replaced: '7=2',
    outcomes: ['CLAMPED', 'CLAMPED'],
  });
  t.match(decide(cmd(...pairs('str:a', 'ttl:b'), 'NX', 'EX', 9)), {
    action: 'PASS',
    outcomes: ['HAD_TTL', 'HAD_TTL'],
  });
  t.match(decide(cmd(...pairs('str:a'), 'KEEPTTL')), { action: 'PASS', outcomes: ['FOLLOW_UP'] });
  const kept = decide(cmd(...pairs('other', 'str:a', 'ttl:b'), 'KEEPTTL'));
  t.equal(kept.outcomes.join(), 'KEPT,FOLLOW_UP,FOLLOW_UP');
  t.match(decide(cmd(...pairs('str:a'), 'BOGUS')), { action: 'PASS', recorded: false });
  for (const count of [0, -1, 'x', 9]) {
    t.match(
      decide(cmd('MSETEX', count, 'str:a', 'v')),
      { action: 'PASS', keys: [], recorded: false },
      `${count} keys`,
    );
  }
});

t.test('the keys that a command writes, wherever they stand', async (t) => {
  for (const [sent, keys] of [
    [['SORT', 'k', 'BY', 'w*', 'STORE', 'str:d'], ['str:d']],
    [['SORT', 'k', 'BY', 'w*'], []],
    [['GEORADIUS', 'k', 1, 2, 3, 'km', 'storedist', 'str:d'], ['str:d']],
    [['BITOP', 'AND', 'str:d', 'a', 'b'], ['str:d']],
    [['ZUNIONSTORE', 'str:d', 2, 'a', 'b'], ['str:d']],
    [['COPY', 'a', 'str:d'], ['str:d']],
    [
      ['MSET', 'a', 1, 'b', 2, 'c', 3],
      ['a', 'b', 'c'],
    ],
    [['XADD', 'str:s', '*', 'f', 'v'], ['str:s']],
    [['LMOVE', 'a', 'b', 'LEFT', 'LEFT'], ['b']],
    [['BLMOVE', 'a', 'b', 'LEFT', 'LEFT', 0], ['b']],
    [['RPOPLPUSH', 'a', 'b'], ['b']],
    [['BRPOPLPUSH', 'a', 'b', 0], ['b']],
    [['SMOVE', 'a', 'b', 'm'], ['b']],
    [['XGROUP', 'CREATE', 'str:s', 'g', '$', 'MKSTREAM'], ['str:s']],
    [['GEOSEARCHSTORE', 'str:d', 'k', 'FROMMEMBER', 'm', 'BYRADIUS', 1, 'km'], ['str:d']],
    [['GEORADIUSBYMEMBER', 'k', 'm', 1, 'km', 'STORE', 'str:d'], ['str:d']],
    [['ZRANGESTORE', 'str:d', 'k', 0, 1], ['str:d']],
    [['ZINTERSTORE', 'str:d', 2, 'a', 'b'], ['str:d']],
    [['ZDIFFSTORE', 'str:d', 2, 'a', 'b'], ['str:d']],
    [['SDIFFSTORE', 'str:d', 'a', 'b'], ['str:d']],
    [['SINTERSTORE', 'str:d', 'a', 'b'], ['str:d']],
    [['SUNIONSTORE', 'str:d', 'a', 'b'], ['str:d']],
    [['PFMERGE', 'str:d', 'a', 'b'], ['str:d']],
    [['BITFIELD', 'str:d', 'GET', 'u8', 0, 'SET', 'u8', 0, 1], ['str:d']],
    [['BITFIELD', 'str:d', 'GET', 'u8', 0], []],
  ] as const) {
    t.same(decide(cmd(...sent)).keys, keys, sent.join(' '));
  }
});

t.test('applyTo: what creates a key gets a follow-up only from a rule for all', async (t) => {
  t.same(decide(cmd('HSET', 'ttl:h', 'f', 'v')).outcomes, ['FOLLOW_UP']);
  t.same(decide(cmd('HSET', 'str:h', 'f', 'v')).outcomes, ['KEPT']);
  t.same(decide(cmd('HSET', 'ttl:h', 'f', 'v'), { followUps: false }).outcomes, ['KEPT']);
  t.same(decide(cmd('RESTORE', 'ttl:h', 0, 'x')).outcomes, ['KEPT'], 'a migration is left alone');
  t.same(
    decide(cmd('LINSERT', 'ttl:h', 'BEFORE', 'a', 'b')).outcomes,
    ['KEPT'],
    'changes only what is there',
  );
});

t.test('jitter: within its share, drawn anew, never above maxTtl', async (t) => {
  const rules: Rule[] = [{ ...RULES[1], jitter: 0.1 }];
  const suffix = (random: number) => decide(cmd('SET', 'str:a', 'v'), { rules, random }).suffix;
  t.equal(suffix(0), px(27_000));
  t.equal(suffix(0.5), px(30_000));
  t.equal(suffix(0.999999), px(33_000));
  const compiled = { ...RULES[1], pxSuffix: undefined, limited: false, evict: false };
  t.equal(
    drawTtl({ ...compiled, jitter: 1, ttlMs: 10 }, () => 0),
    1,
    'at least a millisecond',
  );
  t.equal(
    drawTtl({ ...compiled, jitter: 0.5, maxTtlMs: 31_000 }, () => 0.99),
    31_000,
  );
});

t.test('observe: all is decided, nothing done', async (t) => {
  const rules: Rule[] = [
    { ...RULES[3], observe: true, ttlMs: 5000, applyToAll: true, priority: Priority.LOW },
  ];
  t.match(decide(cmd('SET', 'max:a', 'v'), { rules }), { action: 'PASS', outcomes: ['WOULD_INJECT'] });
  t.match(decide(cmd('SET', 'max:a', 'v', 'EX', 99), { rules }), {
    action: 'PASS',
    outcomes: ['WOULD_CLAMP'],
  });
  t.match(decide(cmd('INCR', 'max:a'), { rules }), { action: 'PASS', outcomes: ['WOULD_INJECT'] });
  const gate = shedding(Priority.LOW);
  t.match(decide(cmd('SET', 'max:a', 'v'), { rules, gate }), {
    action: 'PASS',
    shedKey: 0,
    outcomes: ['WOULD_INJECT'],
  });
});

t.test('sheds: whole if any key says so, and not before all are known', async (t) => {
  const gate = shedding(Priority.LOW);
  t.match(decide(cmd('MSET', 'a', 1, 'low:b', 2), { gate }), {
    ...{ action: 'SHED', shedKey: 1, recorded: false, refusal: 'BAND' },
  });
  t.match(decide(cmd('MSET', 'a', 1, 'b', 2), { gate }), { action: 'PASS', shedKey: -1, refusal: 'NONE' });
  const large = cmd('MSET', 'a', 'x'.repeat(100), 'low:b', 2);
  t.match(decide(large, { gate, until: 60 }), { action: 'UNDECIDED' });
  t.match(decide(cmd('MSET', 'low:a', 'x'.repeat(100), 'b', 2), { gate, until: 60 }), { action: 'SHED' });
  t.match(decide(large, { until: 60 }), { action: 'PASS' }, 'an open gate waits for nothing');
  const headroom = new ShedGate();
  headroom.active = true;
  headroom.headroom.fill(100_000);
  t.match(decide(large, { gate: headroom, until: 60 }), { action: 'PASS' }, 'nor does one that goes by size');
  for (const spared of [
    cmd('DEL', 'low:a'),
    cmd('LMOVE', 'a', 'low:b', 'LEFT', 'LEFT'),
    cmd('GETEX', 'low:a'),
  ]) {
    t.match(decide(spared, { gate }), { action: 'PASS', growth: 0 });
  }
});

t.test(
  'where all of a priority is refused, its band and the reserve are told apart by the key',
  async (t) => {
    const gate = shedding(Priority.LOW);
    gate.byBand[Priority.LOW] = ALL / 2;
    const reasons = Array.from({ length: 200 }, (_, i) => {
      const { action, refusal } = decide(cmd('SET', `low:${i}`, 1), { gate });
      t.equal(action, 'SHED');
      return refusal;
    });
    const byBand = reasons.filter((reason) => reason === 'BAND').length;
    t.ok(byBand > 70 && byBand < 130, `${byBand} of 200 by the band`);
    t.equal(reasons.filter((reason) => reason === 'RESERVE').length, 200 - byBand);
  },
);

t.test('growth: more for more, none for what frees', async (t) => {
  const growth = (...args: (string | number)[]) => decide(cmd(...args)).growth;
  const short = growth('SET', 'a', 'v');
  t.ok(short > 60 && short < 500, `${short} bytes for a short string`);
  t.ok(growth('SET', 'a', 'v'.repeat(10_000)) > 10_000);
  t.ok(growth('MSET', 'a', 1, 'b', 2) > 1.5 * short);
  t.equal(growth('DEL', 'a'), 0);
});

t.test('clamping leaves alone what is within bounds and what is no number', async (t) => {
  const clamp = (text: string, unit: ExpiryUnit, max = 10_000) =>
    clampExpiry(readExpiry(Buffer.from(text), 0, text.length, unit, now), unit, max, now);
  const now = () => NOW;
  const { SECONDS, MILLISECONDS, AT_SECONDS, AT_MILLISECONDS } = ExpiryUnit;
  t.equal(clamp('10', SECONDS), -1);
  t.equal(clamp('11', SECONDS), 10);
  t.equal(clamp('5', SECONDS, 500), 1, 'at least one unit');
  t.equal(clamp('10000', MILLISECONDS), -1);
  t.equal(clamp('10001', MILLISECONDS), 10_000);
  t.equal(clamp(String(NOW + 10_000), AT_MILLISECONDS), -1);
  t.equal(clamp(String(NOW + 10_001), AT_MILLISECONDS), 10_000, 'a span: it goes up behind PX');
  t.equal(clamp(String(NOW / 1000 + 99), AT_SECONDS), 10_000);
  for (const odd of ['', '0', '-5', '+5', '007', '1e9', '99x', ' 99', '9'.repeat(19)]) {
    t.equal(clamp(odd, SECONDS), -1, JSON.stringify(odd));
  }
});
