// The counters as JSON, for /api/stats, metrics, CLI and demo. Owns the names and meaning of the fields, which are an API. It
// never changes a counter.
import { FollowUpReply, OwnTtlChange, TtlOutcome } from '../../core/policy/observer.js';
import { atOnce, mapSliced, type Sliced } from '../../core/policy/slices.js';
import type { Holding, HoldsSnapshot } from '../holders/snapshot.js';
import { Column } from './columns.js';
import type { CountedRule, RefusalCounts, SparedCounts, TrafficStats } from './counters.js';
import type { HeavyHitter } from './heavy-hitters.js';
import type { LatencySnapshot } from './latency.js';
import type { OwnTimesSnapshot } from './own-times.js';
import { type Advice, inDatabase, suggestRule } from './suggest.js';

/** Name of slot 0 in statistics and metrics: keys that no rule matches. No rule may have this name. */
export const UNREGISTERED_NAME = 'unregistered';
const DISCOVERED = 20;

/** Counters of one rule since `since`. Writes are counted by written key: an MSET of three keys is three. */
export interface RuleStats {
  name: string;
  /** Keys written by forwarded commands, and their share of the payload in bytes. */
  writes: number;
  bytes: number;
  /** Each write has one outcome: the eight from here to `wouldClamp` add up to `writes`. */
  ttlInjected: number;
  ttlClamped: number;
  hadTtl: number;
  withoutTtl: number;
  /** The key's TTL stays as it was: INCR, HSET, SET KEEPTTL … */
  kept: number;
  /** A follow-up was sent. The next four count its replies. */
  followUps: number;
  /** The write removed the TTL of its key; a lower bound, see docs/API.md. */
  ttlDropped: number;
  /** TTLs of the rule that gave way to the application's, that a write renewed, and that did not follow their key to a new name. */
  ttlYielded: number;
  ttlRenewed: number;
  ttlLeftBehind: number;
  /** Observe mode: what enforcing would have done. */
  wouldInject: number;
  wouldClamp: number;
  /** The key had no TTL and got one. */
  followUpsSet: number;
  /** The key had one already, or was gone. */
  followUpsUnchanged: number;
  /** The user of that connection may not PEXPIRE. */
  followUpsDenied: number;
  followUpsFailed: number;
  /** Commands refused with OOM, their payload in bytes, and commands that observe mode let pass. */
  shed: number;
  shedBytes: number;
  wouldShed: number;
  /** Commands that passed although their key is among those refused. */
  spared: number;
  /** The same by reason: they add up to `shed` and `wouldShed`. */
  shedBy: RefusalCounts;
  wouldShedBy: RefusalCounts;
  /** Spared commands by reason: they add up to `spared`. */
  sparedBy: SparedCounts;
  /** Keys that were evicted to make room, their estimated bytes of memory, and the sum of their lifetimes. */
  evicted: number;
  evictedBytes: number;
  evictedLivedSeconds: number;
  /** Observe mode: keys that would have been evicted. */
  wouldEvict: number;
  wouldEvictBytes: number;
  /** Estimated, within about 1.6% (one standard deviation). */
  distinctKeys: number;
  /** ISO 8601 time of the last write, forwarded or shed. */
  lastSeen: string | null;
  /** Written keys by command name, lower case. */
  commands: Record<string, number>;
  /** The memory of its keys, whoever wrote them, by random keys; null: unknown. */
  holds: Holding | null;
}

/** A pattern of keys that no rule matches. */
export interface DiscoveredPattern extends Advice {
  /** Redis glob, printable ASCII. */
  pattern: string;
  /** The database of its keys; null: several, or all patterns are in the same one. */
  db: number | null;
  writes: number;
  bytes: number;
  hadTtl: number;
  withoutTtl: number;
  /** Writes in transactions (MULTI). */
  inMulti: number;
  /** The most writes of the pattern that may be missing (0 while there are few patterns). */
  writesMissedAtMost: number;
  /** The memory of its keys; null: unknown. */
  holds: Holding | null;
}

export interface StatsSnapshot {
  /** ISO 8601: when counting began, and when this was taken. */
  since: string;
  takenAt: string;
  /** In the order of the config, then the built-in rules whose keys have been seen (`family:sidekiq`). */
  rules: RuleStats[];
  unregistered: RuleStats;
  /** Most writes first. */
  discovered: DiscoveredPattern[];
  /** Which keys hold the memory; null: nobody measures it. */
  holds: HoldsSnapshot | null;
  /** OOM errors that came from Redis itself. */
  upstreamOom: number;
  /** Time from the last byte of a command sent to the last byte of its reply, for a sample of commands. */
  latency: LatencySnapshot;
  /** The time that the proxy adds, and how late its event loop is. */
  ownTimes: OwnTimesSnapshot;
}

/** The rules of the config, and the built-in ones whose keys have been seen. */
export function shownRules(stats: TrafficStats): readonly CountedRule[] {
  return stats.rules.filter(
    ({ slot, builtIn }) => builtIn !== true || stats.read(slot, Column.LAST_SEEN) > 0,
  );
}

/** Knows which keys hold the memory. */
export interface HoldsSource {
  /** A slot, or a pattern of keys that no rule matches. */
  holding(group: number | string): Holding | null;
  snapshot(): HoldsSnapshot;
}

/** All counts so far; `discovered`: the most patterns listed. `now`: epoch milliseconds. */
export function snapshotStats(
  stats: TrafficStats,
  now: number,
  discovered = DISCOVERED,
  holds?: HoldsSource,
): StatsSnapshot {
  return atOnce(statsSliced(stats, now, discovered, holds));
}

/** The same, a slice of the rules at a time: each rule's counts belong together. */
export function* statsSliced(
  stats: TrafficStats,
  now: number,
  discovered = DISCOVERED,
  holds?: HoldsSource,
): Sliced<StatsSnapshot> {
  const { rules: present } = stats;
  const taken = new Set([...present.map(({ name }) => name), UNREGISTERED_NAME]);
  const rules = yield* mapSliced(shownRules(stats), ({ name, slot }) => readSlot(stats, slot, name, holds));
  // A reload in between may have given the slots to other rules.
  if (stats.rules !== present) return yield* statsSliced(stats, now, discovered, holds);
  const found = stats.patterns.top(discovered);
  const several = found.some(({ db }) => db !== found[0].db);
  return {
    since: new Date(stats.since).toISOString(),
    takenAt: new Date(now).toISOString(),
    rules,
    unregistered: readSlot(stats, 0, UNREGISTERED_NAME, holds),
    discovered: found.map((hitter) =>
      discoveredFrom(hitter, several && hitter.db >= 0 ? hitter.db : null, taken, holds),
    ),
    holds: holds?.snapshot() ?? null,
    upstreamOom: stats.upstreamOom,
    latency: stats.latency.snapshot(),
    ownTimes: stats.ownTimes.snapshot(),
  };
}

function discoveredFrom(
  hitter: HeavyHitter,
  db: number | null,
  taken: Set<string>,
  holds: HoldsSource | undefined,
): DiscoveredPattern {
  const { pattern, writes, bytes, hadTtl, withoutTtl, inMulti, error } = hitter;
  const { suggestion, note } = suggestRule(hitter, taken);
  return {
    ...{ pattern, db, writes, bytes, hadTtl, withoutTtl, inMulti },
    writesMissedAtMost: error,
    holds: holds?.holding(pattern) ?? null,
    suggestion: suggestion && inDatabase(suggestion, db),
    note,
  };
}

function readSlot(stats: TrafficStats, slot: number, name: string, holds?: HoldsSource): RuleStats {
  const shedBy = stats.readRefusals(slot, Column.SHED);
  const wouldShedBy = stats.readRefusals(slot, Column.WOULD_SHED);
  const sparedBy = stats.readSpared(slot);
  const lastSeen = stats.read(slot, Column.LAST_SEEN);
  const writes = stats.read(slot, Column.WRITES);
  return {
    name,
    writes,
    bytes: stats.read(slot, Column.BYTES),
    ttlInjected: stats.readOutcome(slot, TtlOutcome.INJECTED),
    ttlClamped: stats.readOutcome(slot, TtlOutcome.CLAMPED),
    hadTtl: stats.readOutcome(slot, TtlOutcome.HAD_TTL),
    withoutTtl: stats.readOutcome(slot, TtlOutcome.WITHOUT_TTL),
    kept: stats.readOutcome(slot, TtlOutcome.KEPT),
    followUps: stats.readOutcome(slot, TtlOutcome.FOLLOW_UP),
    ttlDropped: stats.read(slot, Column.TTL_DROPPED),
    ttlYielded: stats.read(slot, Column.OWN_TTL_CHANGES + OwnTtlChange.YIELDED),
    ttlRenewed: stats.read(slot, Column.OWN_TTL_CHANGES + OwnTtlChange.RENEWED),
    ttlLeftBehind: stats.read(slot, Column.OWN_TTL_CHANGES + OwnTtlChange.LEFT_BEHIND),
    wouldInject: stats.readOutcome(slot, TtlOutcome.WOULD_INJECT),
    wouldClamp: stats.readOutcome(slot, TtlOutcome.WOULD_CLAMP),
    followUpsSet: stats.readFollowUps(slot, FollowUpReply.SET),
    followUpsUnchanged: stats.readFollowUps(slot, FollowUpReply.UNCHANGED),
    followUpsDenied: stats.readFollowUps(slot, FollowUpReply.DENIED),
    followUpsFailed: stats.readFollowUps(slot, FollowUpReply.FAILED),
    shed: sum(shedBy),
    shedBytes: stats.read(slot, Column.SHED_BYTES),
    wouldShed: sum(wouldShedBy),
    spared: sum(sparedBy),
    shedBy,
    wouldShedBy,
    sparedBy,
    evicted: stats.read(slot, Column.EVICTED),
    evictedBytes: Math.round(stats.read(slot, Column.EVICTED_BYTES)),
    evictedLivedSeconds: Math.round(stats.read(slot, Column.EVICTED_LIVED_MS) / 1000),
    wouldEvict: stats.read(slot, Column.WOULD_EVICT),
    wouldEvictBytes: Math.round(stats.read(slot, Column.WOULD_EVICT_BYTES)),
    // The estimate may be a little above what is possible.
    distinctKeys: Math.min(writes, stats.distinctKeys(slot)),
    lastSeen: lastSeen === 0 ? null : new Date(lastSeen).toISOString(),
    commands: stats.commands(slot),
    holds: holds?.holding(slot) ?? null,
  };
}

function sum(counts: RefusalCounts | SparedCounts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
