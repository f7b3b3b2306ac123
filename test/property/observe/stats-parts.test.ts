// What several processes count apart and add up is what one that saw it all would have counted.
import fc from 'fast-check';
import t from 'tap';
import type { CommandSpec } from '../../../src/core/commands/spec.js';
import { specify } from '../../../src/core/commands/table.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { FollowUpReply, TtlOutcome } from '../../../src/core/policy/observer.js';
import { Refusal } from '../../../src/core/policy/refusal.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { HeavyHitters, HITTERS, type HittersPart } from '../../../src/observe/stats/heavy-hitters.js';
import type { LatencySnapshot } from '../../../src/observe/stats/latency.js';
import { snapshotStats } from '../../../src/observe/stats/snapshot.js';
import { numberedRules } from '../../support/numbered-rules.js';

const REASONS = Object.values(Refusal).filter((refusal) => refusal !== Refusal.NONE);

const RULES = ['sessions', 'cache', 'users'];
const SET = specify({
  name: 'set',
  arity: -3,
  flags: new Set(['write', 'denyoom']),
  keys: { first: 1, last: 1, step: 1, keywords: [] },
});
const NAMES = ['set', 'hset', 'json.set', 'lpush'];

type Event = (stats: TrafficStats, commands: readonly CommandSpec[]) => void;
const slot = fc.nat(RULES.length);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        slot,
        command: fc.nat(NAMES.length - 1),
        bytes: fc.nat(10_000),
        outcome: fc.constantFrom(...Object.values(TtlOutcome)),
        id: fc.nat(5000),
      })
      .map(({ slot, command, bytes, outcome, id }): Event => {
        const key = Buffer.from(`app${id % 7}:item:${id}`);
        const hash = hashKey(key, 0, key.length);
        return (stats, commands) =>
          stats.onWrite(slot, commands[command], bytes, outcome, key, 0, key.length, hash, 0, hash % 2 === 0);
      }),
  },
  fc.tuple(slot, fc.nat(10_000), fc.constantFrom(...REASONS), fc.boolean()).map(
    ([slot, bytes, refusal, observed]): Event =>
      (stats, commands) =>
        stats.onShed(slot, commands[0], bytes, refusal, observed),
  ),
  fc.tuple(slot, fc.constantFrom(...Object.values(FollowUpReply))).map(
    ([slot, reply]): Event =>
      (stats) =>
        stats.onFollowUpReply(slot, reply),
  ),
  fc.integer({ min: 0, max: 2_000_000 }).map(
    (micros): Event =>
      (stats) =>
        stats.onLatency(micros / 1000),
  ),
  slot.map(
    (slot): Event =>
      (stats) =>
        stats.onTtlDropped(slot),
  ),
  fc
    .tuple(fc.constantFrom('requests', 'replies', 'eventLoopDelay'), fc.integer({ min: 0, max: 2_000_000 }))
    .map(
      ([which, micros]): Event =>
        (stats) =>
          stats.ownTimes[which].record(micros / 1000),
    ),
  fc.constant<Event>((stats) => stats.onUpstreamOom()),
);

/** The same commands under other ids, as processes have them that learnt their tables from different servers. */
function commandsOf(process: number): CommandSpec[] {
  return NAMES.map((name, i) => ({ ...SET, name, id: (i + process * 3) % 300 }));
}

t.test('parts add up to the whole, whoever counted what and whenever it was taken', async (t) => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(fc.nat(2), event) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(2), fc.constant(undefined)) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      let now = 1000;
      const clock = () => now;
      const whole = new TrafficStats(numberedRules(...RULES), clock);
      const sum = new TrafficStats(numberedRules(...RULES), clock);
      const parts = [0, 1, 2].map(() => new TrafficStats(numberedRules(...RULES), clock));
      for (const [process, act] of steps) {
        now++;
        if (act === undefined) {
          sum.add(structuredClone(parts[process].take()));
          continue;
        }
        act(whole, commandsOf(0));
        act(parts[process], commandsOf(process));
      }
      for (const part of parts) sum.add(part.take());
      const { latency, ownTimes, ...counted } = snapshotStats(sum, now);
      const { latency: expected, ownTimes: expectedOwn, ...all } = snapshotStats(whole, now);
      t.same(byPattern(counted), byPattern(all));
      const times: [sum: LatencySnapshot, whole: LatencySnapshot][] = [
        [latency, expected],
        [ownTimes.requests, expectedOwn.requests],
        [ownTimes.replies, expectedOwn.replies],
        [ownTimes.eventLoopDelay, expectedOwn.eventLoopDelay],
      ];
      for (const [sum, whole] of times) {
        t.same({ ...sum, sumSeconds: 0, meanMs: 0 }, { ...whole, sumSeconds: 0, meanMs: 0 });
        t.ok(Math.abs(sum.sumSeconds - whole.sumSeconds) < 1e-9);
      }
      for (const part of parts) t.notOk(part.take().slots.length, 'what is taken is gone');
    }),
    { numRuns: 200, endOnFailure: true },
  );
});

/** Patterns with equally many writes stand in any order. */
function byPattern(snapshot: Omit<ReturnType<typeof snapshotStats>, 'latency' | 'ownTimes'>) {
  const discovered = snapshot.discovered.map(({ suggestion, ...rest }) => rest);
  return { ...snapshot, discovered: discovered.sort((a, b) => (a.pattern < b.pattern ? -1 : 1)) };
}

t.test('heavy hitters keep their guarantees when they are added up', async (t) => {
  const share = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((n) => n / 1e6);
  const stream = fc.array(fc.tuple(share, fc.nat(1000), fc.nat(2), fc.boolean()), {
    minLength: 200,
    maxLength: 6000,
    size: 'max',
  });
  let crowded = 0;
  fc.assert(
    fc.property(stream, fc.integer({ min: 200, max: 3000 }), (events, every) => {
      const sum = new HeavyHitters();
      const parts = [new HeavyHitters(), new HeavyHitters(), new HeavyHitters()];
      const exact = new Map<string, { writes: number; bytes: number; multi: number; dbs: Set<number> }>();
      for (const [i, [weight, bytes, part, ttl]] of events.entries()) {
        const number = Math.floor(weight ** 3 * 2000);
        const pattern = `p${number}:*`;
        const cell = Buffer.from(pattern);
        // Every fourth pattern is in several databases, each worker in its own.
        const db = number % 4 === 0 ? part : number % 3;
        parts[part].add(
          cell,
          cell.length,
          bytes,
          ttl ? TtlOutcome.HAD_TTL : TtlOutcome.KEPT,
          db,
          bytes % 2 === 0,
        );
        const truth = exact.get(pattern) ?? { writes: 0, bytes: 0, multi: 0, dbs: new Set() };
        const dbs = truth.dbs.add(db);
        const multi = truth.multi + Number(bytes % 2 === 0);
        exact.set(pattern, { writes: truth.writes + 1, bytes: truth.bytes + bytes, multi, dbs });
        if (i % every === 0) sum.merge(structuredClone(parts[part].take()));
      }
      for (const part of parts) sum.merge(part.take());
      sum.check();
      if (exact.size > HITTERS) crowded++;
      const { hitters, floor } = sum.take() satisfies HittersPart;
      const found = new Set(hitters.map(({ pattern }) => pattern));
      for (const [pattern, { writes }] of exact) if (!found.has(pattern) && writes > floor) return false;
      return (
        found.size === Math.min(HITTERS, exact.size) &&
        // At most twice what one that saw it all may miss.
        floor <= (2 * events.length) / HITTERS &&
        hitters.every(({ pattern, db, writes, error, bytes, hadTtl, inMulti }) => {
          const truth = exact.get(pattern) ?? { writes: 0, bytes: 0, multi: 0, dbs: new Set() };
          if (inMulti > truth.multi || (error === 0 && inMulti !== truth.multi)) return false;
          const [only = -1, another] = truth.dbs;
          if (error === 0 && db !== (another === undefined ? only : -2)) return false;
          if (error === 0 && (writes !== truth.writes || bytes !== truth.bytes)) return false;
          return writes <= truth.writes && truth.writes <= writes + error && hadTtl <= writes;
        })
      );
    }),
    { numRuns: 150, endOnFailure: true },
  );
  t.ok(crowded > 50, `${crowded} of 150 runs had more patterns than entries`);
});
