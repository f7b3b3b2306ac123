// Every event lands in its own field of the snapshot, in its own rule, and nowhere else.
import t from 'tap';
import type { CommandSpec } from '../../../src/core/commands/spec.js';
import { specify } from '../../../src/core/commands/table.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { FollowUpReply, TtlOutcome } from '../../../src/core/policy/observer.js';
import { REFUSAL_NAMES, Refusal } from '../../../src/core/policy/refusal.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { type RuleStats, snapshotStats } from '../../../src/observe/stats/snapshot.js';
import { numberedRules } from '../../support/numbered-rules.js';

const REASONS = Object.values(Refusal).filter((refusal) => refusal !== Refusal.NONE);

const START = Date.parse('2026-01-02T03:04:05.000Z');

const SET = specify({
  name: 'set',
  arity: -3,
  flags: new Set(['write', 'denyoom']),
  keys: { first: 1, last: 1, step: 1, keywords: [] },
});

function command(name: string, id: number): CommandSpec {
  return { ...SET, name, id };
}

function write(
  stats: TrafficStats,
  slot: number,
  key: string,
  outcome: TtlOutcome,
  spec = SET,
  bytes = 10,
  db = 0,
  inMulti = false,
): void {
  const framed = Buffer.from(`xx${key}yy`);
  const end = framed.length - 2;
  stats.onWrite(slot, spec, bytes, outcome, framed, 2, end, hashKey(framed, 2, end), db, inMulti);
}

const OUTCOME_FIELDS: Record<keyof typeof TtlOutcome, keyof RuleStats> = {
  INJECTED: 'ttlInjected',
  CLAMPED: 'ttlClamped',
  HAD_TTL: 'hadTtl',
  WITHOUT_TTL: 'withoutTtl',
  FOLLOW_UP: 'followUps',
  KEPT: 'kept',
  WOULD_INJECT: 'wouldInject',
  WOULD_CLAMP: 'wouldClamp',
};
const REPLY_FIELDS: Record<keyof typeof FollowUpReply, keyof RuleStats> = {
  SET: 'followUpsSet',
  UNCHANGED: 'followUpsUnchanged',
  DENIED: 'followUpsDenied',
  FAILED: 'followUpsFailed',
};

t.test('nothing yet', async (t) => {
  const snapshot = snapshotStats(new TrafficStats(numberedRules('a'), () => START), START + 1000);
  t.equal(snapshot.since, '2026-01-02T03:04:05.000Z');
  t.equal(snapshot.takenAt, '2026-01-02T03:04:06.000Z');
  t.same(snapshot.discovered, []);
  t.match(snapshot.rules, [{ name: 'a', writes: 0, distinctKeys: 0, lastSeen: null, commands: {} }]);
  t.match(snapshot.latency, { samples: 0, meanMs: null, p99Ms: null, maxMs: null });
});

t.test(
  'each outcome counts in its own field, beside writes, bytes, commands and distinct keys',
  async (t) => {
    for (const [name, field] of Object.entries(OUTCOME_FIELDS)) {
      let now = START;
      const stats = new TrafficStats(numberedRules('one', 'two', 'three'), () => now);
      const untouched = snapshotStats(stats, now);
      now += 500;
      for (const key of ['k1', 'k2', 'k2']) write(stats, 2, key, TtlOutcome[name as keyof typeof TtlOutcome]);
      const { rules, unregistered } = snapshotStats(stats, now);
      t.same(
        rules[1],
        {
          ...untouched.rules[1],
          writes: 3,
          bytes: 30,
          distinctKeys: 2,
          commands: { set: 3 },
          lastSeen: '2026-01-02T03:04:05.500Z',
          [field]: 3,
        },
        name,
      );
      t.same(
        [rules[0], rules[2], unregistered],
        [untouched.rules[0], untouched.rules[2], untouched.unregistered],
      );
    }
  },
);

t.test('never more distinct keys than writes, although their number is an estimate', async (t) => {
  const stats = new TrafficStats(numberedRules('one'), () => START);
  for (let writes = 1; writes <= 20_000; writes++) {
    write(stats, 1, `key:${writes}`, TtlOutcome.KEPT);
    if (writes % 250 === 0) t.ok(snapshotStats(stats, START).rules[0].distinctKeys <= writes, String(writes));
  }
});

t.test('answers to follow-ups', async (t) => {
  for (const [name, field] of Object.entries(REPLY_FIELDS)) {
    const stats = new TrafficStats(numberedRules('one'), () => START);
    const [untouched] = snapshotStats(stats, START).rules;
    stats.onFollowUpReply(1, FollowUpReply[name as keyof typeof FollowUpReply]);
    t.same(snapshotStats(stats, START).rules[0], { ...untouched, [field]: 1 }, name);
  }
});

t.test('a shed is seen but is no write, and observing is not shedding', async (t) => {
  const stats = new TrafficStats(numberedRules('one', 'two'), () => START);
  const untouched = snapshotStats(stats, START).rules;
  stats.onShed(1, SET, 70, Refusal.BAND, false);
  stats.onShed(2, SET, 70, Refusal.HEADROOM, true);
  const { rules } = snapshotStats(stats, START);
  const lastSeen = '2026-01-02T03:04:05.000Z';
  t.same(rules[0], { ...untouched[0], shed: 1, shedBytes: 70, shedBy: { band: 1 }, lastSeen });
  t.same(rules[1], { ...untouched[1], wouldShed: 1, wouldShedBy: { headroom: 1 }, lastSeen });
});

t.test('a refusal counts by its reason, the last one in the table too', async (t) => {
  for (const observed of [false, true]) {
    const stats = new TrafficStats(numberedRules('one', 'two'), () => START);
    const untouched = snapshotStats(stats, START);
    for (const [i, refusal] of REASONS.entries())
      for (let n = 0; n <= i; n++) stats.onShed(1, SET, 1, refusal, observed);
    const expected = Object.fromEntries(REFUSAL_NAMES.map((name, i) => [name, i + 1]));
    const { rules, unregistered } = snapshotStats(stats, START);
    t.same(rules[0][observed ? 'wouldShedBy' : 'shedBy'], expected);
    t.same(rules[0][observed ? 'shedBy' : 'wouldShedBy'], {});
    t.equal(rules[0][observed ? 'wouldShed' : 'shed'], (REASONS.length * (REASONS.length + 1)) / 2);
    t.same([rules[1], unregistered], [untouched.rules[1], untouched.unregistered], 'in its own row');
  }
});

t.test('command ids beyond the table are counted together', async (t) => {
  const stats = new TrafficStats(numberedRules('one', 'two'), () => START);
  for (const [name, id] of [
    ['last', 511],
    ['module.a', 512],
    ['module.b', 90_000],
  ] as const) {
    write(stats, 1, 'k', TtlOutcome.KEPT, command(name, id));
  }
  const { rules } = snapshotStats(stats, START);
  t.same(rules[0].commands, { last: 1, other: 2 });
  t.same(rules[1].commands, {});
});

t.test('only unregistered keys are discovered, most written first, bounded', async (t) => {
  const stats = new TrafficStats(numberedRules('cart'), () => START);
  write(stats, 1, 'cart:1', TtlOutcome.INJECTED);
  for (let i = 0; i < 3; i++) write(stats, 0, `feed:${i}`, TtlOutcome.WITHOUT_TTL, SET, 100);
  for (let i = 0; i < 5; i++) write(stats, 0, `cart:${i}:items`, TtlOutcome.WITHOUT_TTL);
  const { discovered, unregistered } = snapshotStats(stats, START);
  t.equal(unregistered.writes, 8);
  t.match(discovered, [
    {
      pattern: 'cart:*:*',
      writes: 5,
      bytes: 50,
      withoutTtl: 5,
      writesMissedAtMost: 0,
      suggestion: { name: 'cart-2' },
    },
    {
      pattern: 'feed:*',
      writes: 3,
      bytes: 300,
      suggestion: { name: 'feed', match: 'feed:*', durable: true, priority: 'normal', mode: 'observe' },
    },
  ]);
  t.equal(discovered.length, 2);
  t.equal(snapshotStats(stats, START, 1).discovered.length, 1);
});

t.test('a slot that no rule has does no harm', async (t) => {
  const stats = new TrafficStats(numberedRules('one'), () => START);
  const before = snapshotStats(stats, START);
  write(stats, 7, 'k', TtlOutcome.INJECTED);
  stats.onShed(7, SET, 1, Refusal.BAND, false);
  stats.onFollowUpReply(7, FollowUpReply.SET);
  t.same(snapshotStats(stats, START), before);
});

t.test('OOM from Redis, and latency', async (t) => {
  const stats = new TrafficStats([], () => START);
  stats.onUpstreamOom();
  for (let i = 1; i <= 100; i++) stats.onLatency(i / 10);
  for (const bad of [Number.NaN, -1]) stats.onLatency(bad);
  stats.onLatency(0);
  const { upstreamOom, latency } = snapshotStats(stats, START);
  t.equal(upstreamOom, 1);
  t.equal(latency.samples, 101);
  t.ok(Math.abs(latency.sumSeconds - 0.505) < 1e-4, 'sum in seconds');
  t.ok(Math.abs((latency.p50Ms ?? 0) - 5) < 0.11, 'median in milliseconds');
  t.ok(Math.abs((latency.maxMs ?? 0) - 10) < 0.02);
  t.same(
    latency.buckets
      .filter((b) => [0.00005, 0.001, 0.005, 0.01, 10].includes(b.leSeconds))
      .map((b) => b.count),
    [1, 11, 51, 101, 101],
    'cumulative',
  );
  stats.onLatency(1e12);
  t.equal(snapshotStats(stats, START).latency.samples, 102, 'endless waits are cut to ten minutes');
  t.equal(snapshotStats(stats, START).latency.buckets.at(-1)?.count, 101);
});

t.test('discovered patterns name their database where there are several', (t) => {
  const stats = new TrafficStats([], () => 0);
  const found = () =>
    snapshotStats(stats, 0).discovered.map(({ pattern, db, suggestion }) => [pattern, db, suggestion?.db]);
  write(stats, 0, 'user:1:name', TtlOutcome.WITHOUT_TTL, SET, 10, 3);
  write(stats, 0, 'user:2:name', TtlOutcome.WITHOUT_TTL, SET, 10, 3);
  t.same(found(), [['user:*:*', null, undefined]], 'all are in database 3');
  write(stats, 0, 'cart:1', TtlOutcome.WITHOUT_TTL, SET, 10, 1);
  t.same(found(), [
    ['user:*:*', 3, 3],
    ['cart:*', 1, 1],
  ]);
  write(stats, 0, 'user:3:name', TtlOutcome.WITHOUT_TTL, SET, 10, 1);
  t.same(found(), [
    ['user:*:*', null, undefined],
    ['cart:*', 1, 1],
  ]);
  t.end();
});
