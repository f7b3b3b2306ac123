// Which keys hold the memory, live: takes the random keys that the monitor samples, measures large or often written keys
// itself, and reports for each rule, and for each pattern that no rule matches, the memory of its keys; and which rules do not
// grow.
// Costs the server LOOKED_AT keys a second at most. Without the right to examine keys it reports nothing.
// The caller owns the timer. Invariant: one question to the server at a time.

import { ANY_DATABASE } from '../../core/policy/key-memory.js';
import type { Rule } from '../../core/policy/rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import type { Ask, Question } from '../../memory/question.js';
import { type KeyspaceReading, MOST_EXAMINED } from '../../memory/reading.js';
import type { SampledKey, SampleListener } from '../../memory/sampling/key-sampler.js';
import { KEY_ERROR_BYTES } from '../../memory/sampling/sample-window.js';
import { PATTERN_SCRATCH, writePattern } from '../stats/prefix.js';
import type { WrittenPick } from '../stats/written-picks.js';
import { type Lifetime, Lifetimes } from './lifetimes.js';
import { type GroupEstimate, type KeyCounts, NOTHING, Population } from './population.js';
import type { Holding, HoldsSnapshot } from './snapshot.js';
import { type RuleCounted, Steadiness } from './steadiness.js';
import { type TrackedKey, TrackedKeys } from './tracked-keys.js';

/** The slot of a rule, or the pattern of keys that no rule matches. */
export type Group = number | string;

export interface HoldersOptions {
  readonly ask: Ask;
  /** Memory in use and its limit as last read; 0: unknown. */
  readonly memory: () => { readonly usedBytes: number; readonly limitBytes: number };
  /** The monitor may not look at keys. */
  readonly denied: () => boolean;
  /** The server evicts keys now. */
  readonly evicts: () => boolean;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** An estimate comes from the newest samples: this many, or those of this time. */
const SAMPLES = 2400;
const LONGEST_MS = 120_000;
/** Growth by random keys is the difference between this minute and the one before. */
const SPAN_MS = 60_000;
const LOOKED_AT = 20;
/** How many elements of a collection MEMORY USAGE reads. */
const ELEMENTS = 100;
/** A key is large if it holds this share of the memory in use, and at least this many bytes. */
const LARGE_SHARE = 0.01;
const LEAST_LARGE = 64 * 1024;
const RECKONED_EVERY_MS = 1000;
/** The present memory of keys comes from this many samples, or those of this time; it is computed again this often. */
const LATE_SAMPLES = 400;
const LATE_MS = 10_000;
const LATE_EVERY_MS = 250;
const PATTERNS = 20;

export class Holders implements SampleListener {
  private readonly population = new Population<Group>();
  private readonly tracked = new TrackedKeys<Group>();
  private readonly steadiness = new Steadiness();
  private readonly lifetimes = new Lifetimes<Group>();
  private readonly scratch = new Uint8Array(PATTERN_SCRATCH);
  private keyspace: KeyspaceReading | undefined;
  private estimates: ReadonlyMap<Group, GroupEstimate> | undefined;
  private reckonedAt = Number.NEGATIVE_INFINITY;
  private late: ReadonlyMap<Group, GroupEstimate> | undefined;
  private lateAt = Number.NEGATIVE_INFINITY;
  private spanMs = 0;
  private asking = false;
  /** Slots. */
  private steadySlots: readonly number[] = [];

  private bySlot: ReadonlyMap<number, Rule>;

  constructor(
    private rules: RuleSet,
    private readonly options: HoldersOptions,
  ) {
    this.bySlot = bySlot(rules);
  }

  /** Applies these rules from now on. `same`: they have the same patterns. */
  adopt(rules: RuleSet, same: boolean): void {
    this.rules = rules;
    this.bySlot = bySlot(rules);
    if (same) return;
    this.population.clear();
    this.tracked.clear();
    this.steadiness.clear();
    this.lifetimes.clear();
    this.estimates = undefined;
    this.late = undefined;
    this.steadySlots = [];
  }

  onSample = ({ db, key, bytes, ttlMs }: SampledKey): void => {
    const group = this.groupOf(db, key);
    const now = this.options.clock();
    if (this.keyspace === undefined) return;
    if (ttlMs >= 0) this.lifetimes.add(group, ttlMs, now);
    this.population.add(group, bytes, ttlMs >= 0, countsOf(this.keyspace), now);
    if (bytes >= this.tracked.largeBytes) this.tracked.seen(group, key, db, bytes, ttlMs >= 0, now);
  };

  onRound = (keyspace: KeyspaceReading): void => {
    this.keyspace = keyspace;
  };

  /**
   * Must be called about once a second: with the statistics of the rules, and the keys that they picked. Returns the slots of
   * steady rules.
   */
  look(rules: readonly RuleCounted[], picks: readonly WrittenPick[]): readonly number[] {
    const { tracked, options } = this;
    const now = options.clock();
    const { usedBytes, limitBytes } = options.memory();
    tracked.largeBytes =
      usedBytes > 0 ? Math.max(LEAST_LARGE, LARGE_SHARE * usedBytes) : Number.POSITIVE_INFINITY;
    for (const { slot, key } of picks) {
      const name = Buffer.from(key.buffer, key.byteOffset, key.length);
      tracked.pick(slot === 0 ? this.groupOf(ANY_DATABASE, name) : slot, name, now);
    }
    this.reckon(now);
    const half = (to: number) => {
      const found = this.population.estimate(to - SPAN_MS, to, tracked.largeBytes);
      return (slot: number) => found && (found.get(slot) ?? NOTHING);
    };
    this.steadySlots = this.steadiness.look(
      rules,
      {
        limitBytes,
        tracked: (slot) => tracked.growthOf(slot, now),
        recent: half(now),
        earlier: half(now - SPAN_MS),
      },
      now,
    );
    this.ask(now);
    return this.steadySlots;
  }

  /** For a rule, by its slot, for a pattern, or with 0 for all keys that no rule matches; null: unknown. */
  holding(group: Group): Holding | null {
    if (this.estimates === undefined) return null;
    if (group !== 0) return this.holdingOf([group]);
    return this.holdingOf(this.groups().filter((one) => typeof one === 'string'));
  }

  /** What the keys of a rule hold at least (97.5%), by the newest samples alone; undefined: it is not known. */
  leastOf(slot: number): number | undefined {
    const now = this.options.clock();
    if (now - this.lateAt >= LATE_EVERY_MS) {
      this.lateAt = now;
      const spanMs = this.population.spanOf(LATE_SAMPLES, LATE_MS, now);
      this.late = this.population.estimate(now - spanMs - 1, now, this.tracked.largeBytes);
    }
    if (this.late === undefined) return undefined;
    const { bytes, errorBytes } = this.late.get(slot) ?? NOTHING;
    return Math.max(0, bytes - errorBytes);
  }

  snapshot(): HoldsSnapshot {
    const { estimates, options, spanMs } = this;
    const { usedBytes } = options.memory();
    const all = this.groups().map((group) => ({ group, holding: this.holdingOf([group]) }));
    const sum = all.reduce((bytes, { holding }) => bytes + holding.bytes, 0);
    const patterns = all.flatMap(({ group, holding }) =>
      typeof group === 'string' ? [{ pattern: group, ...holding }] : [],
    );
    const samples = [...(estimates?.values() ?? [])].reduce((count, { samples }) => count + samples, 0);
    return {
      method: options.denied() ? 'denied' : estimates === undefined ? 'waiting' : 'sampled',
      samples,
      seconds: Math.round(spanMs / 1000),
      unaccountedBytes:
        estimates === undefined || usedBytes === 0 ? null : Math.max(0, Math.round(usedBytes - sum)),
      patterns: patterns.sort((a, b) => b.bytes - a.bytes).slice(0, PATTERNS),
      steady: this.steadySlots.flatMap((slot) => this.bySlot.get(slot)?.name ?? []),
    };
  }

  private groups(): Group[] {
    const large = this.tracked.large().map(({ group }) => group);
    return [...new Set<Group>([...(this.estimates?.keys() ?? []), ...large])];
  }

  private holdingOf(groups: readonly Group[]): Holding {
    const sum = { ...NOTHING, largeKeys: 0 };
    for (const group of groups) {
      const one = this.estimates?.get(group) ?? NOTHING;
      sum.bytes += one.bytes;
      sum.expiringBytes += one.expiringBytes;
      sum.keys += one.keys;
      sum.expiringKeys += one.expiringKeys;
      sum.errorBytes = Math.hypot(sum.errorBytes, one.errorBytes);
    }
    // What MEMORY USAGE rounds away, it rounds away for every key.
    sum.errorBytes = Math.hypot(sum.errorBytes, KEY_ERROR_BYTES * sum.keys);
    for (const { group, bytes, expiring } of this.tracked.all) {
      if (bytes < this.tracked.largeBytes || !groups.includes(group)) continue;
      sum.bytes += bytes;
      sum.keys++;
      sum.largeKeys++;
      if (!expiring) continue;
      sum.expiringBytes += bytes;
      sum.expiringKeys++;
    }
    return {
      bytes: Math.round(sum.bytes),
      errorBytes: Math.round(sum.errorBytes),
      expiringBytes: Math.round(sum.expiringBytes),
      keys: Math.round(sum.keys),
      expiringKeys: Math.round(sum.expiringKeys),
      largeKeys: sum.largeKeys,
      lifetime: groups.length === 1 ? this.lifetimeOf(groups[0]) : null,
    };
  }

  private lifetimeOf(group: Group): Lifetime | null {
    const { options } = this;
    if (!options.evicts()) return null;
    const rule = typeof group === 'number' ? this.bySlot.get(group) : undefined;
    const { ttlMs, jitter } = rule ?? { ttlMs: 0, jitter: 0 };
    return this.lifetimes.of(group, ttlMs, 2 * jitter * ttlMs, options.clock());
  }

  private reckon(now: number): void {
    if (this.keyspace === undefined || now - this.reckonedAt < RECKONED_EVERY_MS) return;
    this.reckonedAt = now;
    this.spanMs = this.population.spanOf(SAMPLES, LONGEST_MS, now);
    this.estimates = this.population.estimate(now - this.spanMs - 1, now, this.tracked.largeBytes);
  }

  private groupOf(db: number, key: Buffer): Group {
    const { slot } = this.rules.view(db, undefined).find(key, 0, key.length);
    if (slot !== 0) return slot;
    const length = writePattern(key, 0, key.length, this.scratch);
    return Buffer.from(this.scratch.buffer, 0, length).toString('latin1');
  }

  private ask(now: number): void {
    if (this.asking || this.keyspace === undefined || this.options.denied()) return;
    const due = this.tracked.due(LOOKED_AT, now);
    if (due.length === 0) return;
    this.asking = true;
    void this.measure(due)
      .catch(() => {})
      .finally(() => {
        this.asking = false;
      });
  }

  private async measure(due: readonly TrackedKey<Group>[]): Promise<void> {
    const all = (this.keyspace?.databases ?? []).map(({ db }) => db).slice(0, MOST_EXAMINED);
    const asked = due.flatMap((key) => (key.db === undefined ? all : [key.db]).map((db) => ({ key, db })));
    const answers = await this.options.ask(
      asked.flatMap(({ key, db }): Question[] => [
        ['select', db],
        ['memory', 'usage', key.key, 'samples', ELEMENTS],
        ['pttl', key.key],
      ]),
    );
    const best = new Map<TrackedKey<Group>, { db: number | undefined; bytes: number; expiring: boolean }>();
    for (const [i, { key, db }] of asked.entries()) {
      const [[noDatabase], [failed, usage], [, ttl]] = answers.slice(3 * i, 3 * i + 3);
      // Nothing is known about it: it is asked for again.
      if (noDatabase !== null || failed !== null) continue;
      const bytes = typeof usage === 'number' ? usage : -1;
      const known = best.get(key);
      if (known === undefined || bytes > known.bytes)
        best.set(key, {
          db: bytes < 0 ? undefined : db,
          bytes,
          expiring: typeof ttl === 'number' && ttl >= 0,
        });
    }
    const now = this.options.clock();
    for (const [key, { db, bytes, expiring }] of best) this.tracked.measured(key, db, bytes, expiring, now);
  }
}

function bySlot({ rules }: RuleSet): ReadonlyMap<number, Rule> {
  return new Map(rules.map((rule) => [rule.slot, rule]));
}

function countsOf({ keys, expires }: KeyspaceReading): KeyCounts {
  return { expiring: expires, staying: Math.max(0, keys - expires) };
}
