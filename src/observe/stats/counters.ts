// The counters of writes by rule: the TrafficObserver of the proxy.
// Owns all counters; it decides nothing and keeps no key. Readers (snapshot.ts) are rare and may allocate. Writers run with
// every write and may not, so a counter is a cell of a Float64Array.
// Invariants: slot 0 is "unregistered", and each rule has its own slot; counters go down only when they are taken to be added
// to those of other processes; a removed rule keeps its counters, unseen; a slot out of range (a bug elsewhere) is ignored,
// because stores beyond a typed array are.
import type { CommandSpec } from '../../core/commands/spec.js';
import type { FollowUpReply, OwnTtlChange, TrafficObserver, TtlOutcome } from '../../core/policy/observer.js';
import { REFUSAL_NAMES, type Refusal, type RefusalName } from '../../core/policy/refusal.js';
import { SPARED_NAMES, type Spared, type SparedName } from '../../core/policy/spared.js';
import { extended } from './cells.js';
import { Column, FIRST_REFUSAL, FIRST_SPARED, WIDTH } from './columns.js';
import { CommandCounts } from './command-counts.js';
import { HeavyHitters, type HittersPart } from './heavy-hitters.js';
import { DistinctCounters } from './hyperloglog.js';
import { LatencyHistogram, type LatencyPart } from './latency.js';
import { OwnTimes, type OwnTimesPart } from './own-times.js';
import { PATTERN_SCRATCH, writePattern } from './prefix.js';
import { type WrittenPick, WrittenPicks } from './written-picks.js';

/** The counters of one process as plain data, to be added to those of others. */
export interface StatsPart {
  readonly slots: readonly SlotPart[];
  readonly patterns: HittersPart;
  readonly latency: LatencyPart;
  readonly ownTimes: OwnTimesPart;
  readonly upstreamOom: number;
  readonly picks: readonly WrittenPick[];
}

/** Refusals by reason; a reason that did not occur is left out. */
export type RefusalCounts = Partial<Record<RefusalName, number>>;

/** Spared commands by reason; a reason that did not occur is left out. */
export type SparedCounts = Partial<Record<SparedName, number>>;

/** The part of a rule that counting needs. */
export interface CountedRule {
  readonly name: string;
  readonly slot: number;
  /** It is for a family, and shown only once keys of that family have been written. */
  readonly builtIn?: boolean | undefined;
}

interface SlotPart {
  readonly slot: number;
  readonly cells: Float64Array;
  readonly distinct: Uint8Array;
  readonly commands: Readonly<Record<string, number>>;
}

export class TrafficStats implements TrafficObserver {
  /** Epoch milliseconds at which counting began. */
  readonly since: number;
  /** The present rules, in their order. */
  rules: readonly CountedRule[] = [];
  readonly latency = new LatencyHistogram();
  readonly ownTimes = new OwnTimes();
  /** Patterns of the keys that no rule matches. */
  readonly patterns = new HeavyHitters();
  /** Keys that are often written. */
  readonly picks = new WrittenPicks(1);
  upstreamOom = 0;
  /** Called at each OOM of Redis itself, because the memory monitor must know it too. */
  upstreamOomSeen: () => void = () => {};

  /** Number of rows, including the one for keys without a rule. */
  private slots = 1;
  private cells = new Float64Array(WIDTH);
  private readonly commandCounts = new CommandCounts();
  private distinct = new DistinctCounters(1);
  private readonly clock: () => number;
  private readonly scratch = new Uint8Array(PATTERN_SCRATCH);

  /** `clock`: epoch milliseconds; it is read with every write, so it should be a cached value. */
  constructor(rules: readonly CountedRule[], clock: () => number) {
    this.clock = clock;
    this.since = clock();
    this.adopt(rules);
  }

  /** Counts by these rules from now on, and still by earlier ones, unseen. */
  adopt(rules: readonly CountedRule[]): void {
    this.rules = rules.map(({ name, slot, builtIn }) => ({ name, slot, builtIn }));
    const slots = rules.reduce((most, { slot }) => Math.max(most, slot + 1), this.slots);
    if (slots === this.slots) return;
    this.slots = slots;
    this.cells = extended(this.cells, slots * WIDTH);
    this.commandCounts.extend(slots);
    this.distinct = this.distinct.extended(slots);
    this.picks.extend(slots);
  }

  /** Discovers patterns anew, because a rule may match now what no rule matched before. */
  forgetPatterns(): void {
    this.patterns.take();
  }

  onWrite(
    slot: number,
    command: CommandSpec,
    bytes: number,
    outcome: TtlOutcome,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
    inMulti: boolean,
  ): void {
    const cells = this.cells;
    const row = slot * WIDTH;
    cells[row + Column.WRITES]++;
    cells[row + Column.BYTES] += bytes;
    cells[row + Column.LAST_SEEN] = this.clock();
    cells[row + Column.OUTCOMES + outcome]++;
    this.commandCounts.count(slot, command);
    this.distinct.add(slot, hash);
    this.picks.wrote(slot, bytes, key, start, end);
    if (slot === 0) {
      const length = writePattern(key, start, end, this.scratch);
      this.patterns.add(this.scratch, length, bytes, outcome, db, inMulti);
    }
  }

  onTtlDropped(slot: number): void {
    this.cells[slot * WIDTH + Column.TTL_DROPPED]++;
  }

  /** A refused write counts only for `shed` and `lastSeen`, not as a write. */
  onShed(slot: number, _command: CommandSpec, bytes: number, refusal: Refusal, observed: boolean): void {
    const row = slot * WIDTH;
    this.cells[row + Column.LAST_SEEN] = this.clock();
    if (observed) {
      this.cells[row + Column.WOULD_SHED + refusal - FIRST_REFUSAL]++;
    } else {
      this.cells[row + Column.SHED + refusal - FIRST_REFUSAL]++;
      this.cells[row + Column.SHED_BYTES] += bytes;
    }
  }

  onSpared(slot: number, reason: Spared): void {
    this.cells[slot * WIDTH + Column.SPARED + reason - FIRST_SPARED]++;
  }

  /** Keys of the rule were evicted to make room. `livedMs`: from their writes until now, the sum of all. */
  onEvicted(slot: number, keys: number, bytes: number, livedMs: number): void {
    const row = slot * WIDTH;
    this.cells[row + Column.EVICTED] += keys;
    this.cells[row + Column.EVICTED_BYTES] += bytes;
    this.cells[row + Column.EVICTED_LIVED_MS] += livedMs;
  }

  /** A key of an observing rule would have been evicted. */
  onWouldEvict(slot: number, bytes: number): void {
    const row = slot * WIDTH;
    this.cells[row + Column.WOULD_EVICT]++;
    this.cells[row + Column.WOULD_EVICT_BYTES] += bytes;
  }

  onOwnTtl(slot: number, change: OwnTtlChange): void {
    this.cells[slot * WIDTH + Column.OWN_TTL_CHANGES + change]++;
  }

  onFollowUpReply(slot: number, reply: FollowUpReply): void {
    this.cells[slot * WIDTH + Column.FOLLOW_UP_REPLIES + reply]++;
  }

  onUpstreamOom(): void {
    this.upstreamOom++;
    this.upstreamOomSeen();
  }

  onLatency(milliseconds: number): void {
    this.latency.record(milliseconds);
  }

  /** One cell: a count, a number of bytes, or for LAST_SEEN epoch milliseconds (0: never). */
  read(slot: number, column: number): number {
    return this.cells[slot * WIDTH + column];
  }

  readOutcome(slot: number, outcome: TtlOutcome): number {
    return this.read(slot, Column.OUTCOMES + outcome);
  }

  /** Refusals by reason, only those that occurred. `column`: SHED or WOULD_SHED. */
  readRefusals(slot: number, column: typeof Column.SHED | typeof Column.WOULD_SHED): RefusalCounts {
    const counts: RefusalCounts = {};
    for (const [i, name] of REFUSAL_NAMES.entries()) {
      const count = this.read(slot, column + i);
      if (count > 0) counts[name] = count;
    }
    return counts;
  }

  /** Spared commands by reason, only those that occurred. */
  readSpared(slot: number): SparedCounts {
    const counts: SparedCounts = {};
    for (const [i, name] of SPARED_NAMES.entries()) {
      const count = this.read(slot, Column.SPARED + i);
      if (count > 0) counts[name] = count;
    }
    return counts;
  }

  readFollowUps(slot: number, reply: FollowUpReply): number {
    return this.read(slot, Column.FOLLOW_UP_REPLIES + reply);
  }

  /** Estimated number of distinct keys written, within about 1.6% (one standard deviation). */
  distinctKeys(slot: number): number {
    return this.distinct.estimate(slot);
  }

  /** Written keys by command name, only commands that were seen. */
  commands(slot: number): Record<string, number> {
    return this.commandCounts.of(slot);
  }

  /** Returns the counts since the last call (or the start) and resets them. */
  take(): StatsPart {
    const slots: SlotPart[] = [];
    for (let slot = 0; slot < this.slots; slot++) {
      const cells = this.cells.slice(slot * WIDTH, (slot + 1) * WIDTH);
      if (cells.every((cell) => cell === 0)) continue;
      slots.push({
        slot,
        cells,
        distinct: this.distinct.takeRow(slot),
        commands: this.commandCounts.takeRow(slot),
      });
    }
    this.cells.fill(0);
    const { upstreamOom } = this;
    this.upstreamOom = 0;
    return {
      slots,
      patterns: this.patterns.take(),
      latency: this.latency.take(),
      ownTimes: this.ownTimes.take(),
      upstreamOom,
      picks: this.picks.take(),
    };
  }

  /**
   * Adds the counts taken from another process, whose rules have the same slots. Commands are matched by name: an instance
   * that adds must not count traffic itself, because its command ids may differ.
   */
  add({ slots, patterns, latency, ownTimes, upstreamOom, picks }: StatsPart): void {
    for (const { slot, cells, distinct, commands } of slots) {
      const row = slot * WIDTH;
      const lastSeen = Math.max(this.cells[row + Column.LAST_SEEN], cells[Column.LAST_SEEN]);
      for (let column = 0; column < WIDTH; column++) this.cells[row + column] += cells[column];
      this.cells[row + Column.LAST_SEEN] = lastSeen;
      this.distinct.addRow(slot, distinct);
      this.commandCounts.addRow(slot, commands);
    }
    this.patterns.merge(patterns);
    this.latency.add(latency);
    this.ownTimes.add(ownTimes);
    this.upstreamOom += upstreamOom;
    this.picks.add(picks);
  }
}
