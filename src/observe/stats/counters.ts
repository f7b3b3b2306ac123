// What was written, by rule: the TrafficObserver that the proxy runs with.
// Owns all counters; it never decides anything and never keeps a key. Its readers (snapshot.ts) come rarely and may
// allocate, its writers come with every write and may not: a counter is a cell of a Float64Array.
// Invariants: slot 0 is "unregistered", each rule has the slot that it says; counters never go down, but when they are
// taken to be added up with those of other processes; a rule that is gone keeps what it has counted, unshown; a slot out
// of range (which would be a bug elsewhere) is ignored, since stores beyond a typed array are.
import type { CommandSpec } from '../../core/commands/spec.js';
import type { FollowUpReply, TrafficObserver, TtlOutcome } from '../../core/policy/observer.js';
import { HeavyHitters, type HittersPart } from './heavy-hitters.js';
import { DistinctCounters } from './hyperloglog.js';
import { LatencyHistogram, type LatencyPart } from './latency.js';
import { OwnTimes, type OwnTimesPart } from './own-times.js';
import { PATTERN_SCRATCH, writePattern } from './prefix.js';

/** Columns of a slot's row. Eight outcomes from OUTCOMES on, in TtlOutcome's order; four replies from FOLLOW_UP_REPLIES. */
export const Column = {
  WRITES: 0,
  BYTES: 1,
  LAST_SEEN: 2,
  SHED: 3,
  SHED_BYTES: 4,
  WOULD_SHED: 5,
  FOLLOW_UP_REPLIES: 6,
  OUTCOMES: 10,
  TTL_DROPPED: 18,
} as const;
const WIDTH = 19;

/** Commands with an id from here on are counted together, as OTHER_COMMANDS. */
const COMMAND_IDS = 512;
const COMMAND_WIDTH = COMMAND_IDS + 1;
const OTHER_COMMANDS = 'other';

/** What was counted in one process, as plain data: to be added to what was counted in others. */
export interface StatsPart {
  readonly slots: readonly SlotPart[];
  readonly patterns: HittersPart;
  readonly latency: LatencyPart;
  readonly ownTimes: OwnTimesPart;
  readonly upstreamOom: number;
}

/** A rule as far as counting goes. */
export interface CountedRule {
  readonly name: string;
  readonly slot: number;
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
  /** Those that there are now, in their order. */
  rules: readonly CountedRule[] = [];
  readonly latency = new LatencyHistogram();
  readonly ownTimes = new OwnTimes();
  /** Patterns of the keys that no rule matches. */
  readonly patterns = new HeavyHitters();
  upstreamOom = 0;
  /** Called at each OOM of Redis's own, since that is news for the memory monitor too. */
  upstreamOomSeen: () => void = () => {};

  /** Rows that there are, the one of no rule included. */
  private slots = 1;
  private cells = new Float64Array(WIDTH);
  private commandCells = new Float64Array(COMMAND_WIDTH);
  private readonly commandNames: string[] = new Array<string>(COMMAND_IDS).fill('');
  /** No command with this id or a higher one was seen yet. */
  private commandIds = 0;
  private distinct = new DistinctCounters(1);
  private readonly clock: () => number;
  private readonly scratch = new Uint8Array(PATTERN_SCRATCH);

  /**
   * To begin with, `ruleNames` are the rules, in slots from 1 on. `clock` gives epoch milliseconds; it is read with every
   * write, so it should be a cached value.
   */
  constructor(ruleNames: readonly string[], clock: () => number) {
    this.clock = clock;
    this.since = clock();
    this.adopt(ruleNames.map((name, i) => ({ name, slot: i + 1 })));
  }

  /** These are the rules from now on. To be called before anything is counted by one of them. */
  adopt(rules: readonly CountedRule[]): void {
    this.rules = rules.map(({ name, slot }) => ({ name, slot }));
    const slots = rules.reduce((most, { slot }) => Math.max(most, slot + 1), this.slots);
    if (slots === this.slots) return;
    this.slots = slots;
    this.cells = extended(this.cells, slots * WIDTH);
    this.commandCells = extended(this.commandCells, slots * COMMAND_WIDTH);
    this.distinct = this.distinct.extended(slots);
  }

  /** What no rule matched before may be matched by one now: patterns are discovered anew. */
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
  ): void {
    const cells = this.cells;
    const row = slot * WIDTH;
    cells[row + Column.WRITES]++;
    cells[row + Column.BYTES] += bytes;
    cells[row + Column.LAST_SEEN] = this.clock();
    cells[row + Column.OUTCOMES + outcome]++;
    this.countCommand(slot, command);
    this.distinct.add(slot, hash);
    if (slot === 0) {
      this.patterns.add(this.scratch, writePattern(key, start, end, this.scratch), bytes, outcome);
    }
  }

  onTtlDropped(slot: number): void {
    this.cells[slot * WIDTH + Column.TTL_DROPPED]++;
  }

  /** A refused write is seen, but is no write: it counts for `shed` and `lastSeen` only. */
  onShed(slot: number, _command: CommandSpec, bytes: number, observed: boolean): void {
    const row = slot * WIDTH;
    this.cells[row + Column.LAST_SEEN] = this.clock();
    if (observed) {
      this.cells[row + Column.WOULD_SHED]++;
    } else {
      this.cells[row + Column.SHED]++;
      this.cells[row + Column.SHED_BYTES] += bytes;
    }
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

  readFollowUps(slot: number, reply: FollowUpReply): number {
    return this.read(slot, Column.FOLLOW_UP_REPLIES + reply);
  }

  /** Estimated number of distinct keys written, within about 1.6 % (one standard deviation). */
  distinctKeys(slot: number): number {
    return this.distinct.estimate(slot);
  }

  /** Written keys by command name, only commands that were seen. */
  commands(slot: number): Record<string, number> {
    const counts: Record<string, number> = {};
    const row = slot * COMMAND_WIDTH;
    for (let id = 0; id < this.commandIds; id++) {
      if (this.commandCells[row + id] > 0) counts[this.commandNames[id]] = this.commandCells[row + id];
    }
    const others = this.commandCells[row + COMMAND_IDS];
    if (others > 0) counts[OTHER_COMMANDS] = others;
    return counts;
  }

  /** All that was counted since it was made, or since this was called last; it counts from 0 again. */
  take(): StatsPart {
    const slots: SlotPart[] = [];
    for (let slot = 0; slot < this.slots; slot++) {
      const cells = this.cells.slice(slot * WIDTH, (slot + 1) * WIDTH);
      if (cells.every((cell) => cell === 0)) continue;
      slots.push({ slot, cells, distinct: this.distinct.takeRow(slot), commands: this.commands(slot) });
      this.commandCells.fill(0, slot * COMMAND_WIDTH, (slot + 1) * COMMAND_WIDTH);
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
    };
  }

  /**
   * Adds what was taken from another one, whose rules have the same slots, as if this one had counted it too. Commands go by their
   * names: one that adds must not count traffic of its own, whose ids may be others.
   */
  add({ slots, patterns, latency, ownTimes, upstreamOom }: StatsPart): void {
    for (const { slot, cells, distinct, commands } of slots) {
      const row = slot * WIDTH;
      const lastSeen = Math.max(this.cells[row + Column.LAST_SEEN], cells[Column.LAST_SEEN]);
      for (let column = 0; column < WIDTH; column++) this.cells[row + column] += cells[column];
      this.cells[row + Column.LAST_SEEN] = lastSeen;
      this.distinct.addRow(slot, distinct);
      for (const [name, count] of Object.entries(commands)) {
        this.commandCells[slot * COMMAND_WIDTH + this.idOf(name)] += count;
      }
    }
    this.patterns.merge(patterns);
    this.latency.add(latency);
    this.ownTimes.add(ownTimes);
    this.upstreamOom += upstreamOom;
  }

  /** The cell of a command that was counted elsewhere. */
  private idOf(name: string): number {
    if (name === OTHER_COMMANDS) return COMMAND_IDS;
    const known = this.commandNames.indexOf(name);
    const id = known < 0 ? this.commandNames.indexOf('') : known;
    if (id < 0) return COMMAND_IDS;
    this.nameCommand(id, name);
    return id;
  }

  private nameCommand(id: number, name: string): void {
    this.commandNames[id] = name;
    this.commandIds = Math.max(this.commandIds, id + 1);
  }

  private countCommand(slot: number, command: CommandSpec): void {
    const id = Math.min(command.id, COMMAND_IDS);
    if (id < COMMAND_IDS && this.commandNames[id] === '') this.nameCommand(id, command.name);
    this.commandCells[slot * COMMAND_WIDTH + id]++;
  }
}

function extended(cells: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(cells);
  return larger;
}
