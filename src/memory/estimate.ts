// Estimates the server's memory now, from the last reading, what can be evicted, and what writes have added since. Owns the last
// reading and the rates of growth. It decides nothing: pressure.ts does, by this estimate. Pure; the clock comes with each
// call (monotonic milliseconds).
//
//   committed = used memory that nothing can take back (evictable.ts); with noeviction all of it
//   estimate = committed + admitted growth that it may not contain + growth by others (their rate × age)
//              if the server evicts: only the part of the growth that stays committed, as measured
//              while readings fail: committed + at most the growth that was measured over such a time
//
// Growth counts from the moment it is forwarded, so a burst between two readings cannot overshoot.
// Invariant: only take() and adopt() bring another reading.
import type { Priority } from '../core/policy/rule.js';
import type { ShedGate } from '../core/policy/shed.js';
import { type Applicability, judgeApplicability } from './applicability.js';
import { CommittedFlow } from './committed-flow.js';
import { type Evictable, NOTHING_EVICTABLE } from './evictable.js';
import { GrowthRates } from './growth-rates.js';
import type { PressureOptions } from './pressure-options.js';
import type { Covered, MemoryState } from './pressure-state.js';
import { countedBytes, type KeyspaceReading, type Reading } from './reading.js';
import { meanOver } from './reserve.js';

/** How long Redis's OOM counts as proof that eviction does not help. */
const OOM_COUNTS_MS = 5000;

/** What a reading has brought. */
export interface Taken {
  readonly applicability: Applicability;
  /** Of committed memory, since the reading before. */
  readonly freedBytes: number;
  /** Milliseconds since rates were learnt before; 0: they were not learnt now. */
  readonly learntMs: number;
}

export class MemoryEstimate {
  reading: Reading | undefined;
  applicability: Applicability | undefined;
  /** As last read; undefined in a worker, because its primary decides. */
  keyspace: KeyspaceReading | undefined;
  /** What the server can evict, as last read. */
  evictable = NOTHING_EVICTABLE;
  /** Bytes that Spillway itself can evict. */
  ownEvictable = 0;
  /** Proxies that write to this server, this one among them. */
  proxies = 1;
  covered: Covered = { growth: 0, reliefs: 0 };
  /** Readings that were requested since the last one have failed, or are overdue. */
  isBlind = false;
  readonly rates = new GrowthRates();
  private readonly flow = new CommittedFlow();
  private readAt = Number.NEGATIVE_INFINITY;
  private oomAt = Number.NEGATIVE_INFINITY;
  private committedPart = 1;
  private admittedPerSecond = 0;

  constructor(
    private options: PressureOptions,
    private readonly gate: ShedGate,
  ) {}

  reconfigure(options: PressureOptions, now: number): void {
    this.options = options;
    if (this.reading !== undefined && this.keyspace !== undefined) this.judge(this.reading, now);
  }

  /** A reading has come; `covered` is what was answered when it was requested. */
  take(
    reading: Reading,
    keyspace: KeyspaceReading | undefined,
    covered: Covered,
    now: number,
    evictable: Evictable,
  ): Taken {
    const isFirst = this.reading === undefined;
    const committedBefore = this.committedBytes;
    this.reading = reading;
    this.evictable = evictable;
    this.readAt = now;
    // While memory is being freed, the reading does not yet show the command's effect.
    this.covered = reading.freeing ? { ...covered, reliefs: this.covered.reliefs } : covered;
    this.isBlind = false;
    this.keyspace = keyspace;
    const applicability = this.judge(reading, now);
    const freedBytes = isFirst ? 0 : committedBefore - this.committedBytes;
    return { applicability, freedBytes, learntMs: this.learnRates(reading, applicability, now) };
  }

  /** The next reading is another server's: what was read of this one, and its growth, mean nothing there. */
  startOver(): void {
    this.reading = undefined;
    this.oomAt = Number.NEGATIVE_INFINITY;
    this.flow.startOver();
    this.rates.startOver();
    const { admitted, reliefs } = this.gate;
    this.covered = { growth: admitted, reliefs };
  }

  /** Redis itself has answered OOM to a client. */
  oomSeen(now: number): void {
    this.oomAt = now;
  }

  state(now: number): MemoryState {
    const { reading, applicability, covered, isBlind: blind, evictable, ownEvictable } = this;
    const { rates, committedPart, admittedPerSecond, proxies } = this;
    const readingAgeMs = this.readingAge(now);
    return {
      ...{ reading, applicability, readingAgeMs, covered, blind, evictable, ownEvictable },
      ...{ othersRate: rates.others, measuredRate: rates.measured },
      ...{ committedPart, admittedPerSecond, proxies },
    };
  }

  /**
   * Acts on another process's readings from now on, instead of take(). The gate must count everything that the other's counts.
   */
  adopt(state: MemoryState, now: number): void {
    this.reading = state.reading;
    this.applicability = state.applicability;
    this.evictable = state.evictable;
    this.ownEvictable = state.ownEvictable;
    this.committedPart = state.committedPart;
    this.admittedPerSecond = state.admittedPerSecond;
    this.proxies = state.proxies;
    this.readAt = now - state.readingAgeMs;
    this.covered = state.covered;
    this.isBlind = state.blind;
    this.rates.others = state.othersRate;
    this.rates.measured = state.measuredRate;
  }

  /** committed / limit as last read; 0 without a reading or a limit. */
  get measured(): number {
    const limit = this.applicability?.limitBytes ?? 0;
    return limit > 0 ? this.committedBytes / limit : 0;
  }

  /** The memory that Redis compares with its limit, as last read, less what can be taken back. */
  get committedBytes(): number {
    return this.reading === undefined ? 0 : Math.max(0, countedBytes(this.reading) - this.takenBack);
  }

  /** Its changes from reading to reading: only differences mean something. */
  get committedFlowBytes(): number {
    return this.flow.bytes;
  }

  /** Bytes of growth that the reading may not contain. */
  get growthSinceReading(): number {
    return Math.max(0, this.gate.admitted - this.covered.growth);
  }

  /** Bytes of what is let through in a second that stay committed. */
  get committedPerSecond(): number {
    return this.admittedPerSecond * this.committedPart;
  }

  /** Bytes that the writes of a priority add to memory in a second, and those from elsewhere. */
  growthPerSecond(priority: Priority | 'others'): number {
    return 1000 * (priority === 'others' ? this.rates.steadyOthers : this.rates.byPriority[priority]);
  }

  /** The server evicts, and what it can evict is no reason to refuse. */
  get serverEvicts(): boolean {
    return this.applicability?.evictionCounts === true && this.evictable.eviction !== 'none';
  }

  readingAge(now: number): number {
    return now - this.readAt;
  }

  isStale(now: number): boolean {
    return this.readingAge(now) > this.options.staleAfterMs;
  }

  /** Bytes of committed memory now. */
  now(now: number): number {
    const age = Math.max(0, this.readingAge(now));
    const growth = this.committing(this.growthSinceReading) + this.rates.others * age;
    const { committedBytes } = this;
    if (!this.isBlind) return committedBytes + growth;
    // Most growth overwrites existing data; without readings nothing corrects for that.
    return committedBytes + Math.min(growth, this.rates.measured * Math.min(age, this.options.staleAfterMs));
  }

  /** The same if all proxies have written as much as this one since the reading. */
  ifOthersGrewAlike(now: number): number {
    return this.now(now) + (this.proxies - 1) * this.committing(this.growthSinceReading);
  }

  /** Bytes that the server or Spillway can evict, as far as they count. */
  private get takenBack(): number {
    const byServer = this.applicability?.evictionCounts === true ? this.evictable.bytes : 0;
    return Math.max(byServer, this.ownEvictable);
  }

  private judge(reading: Reading, now: number): Applicability {
    const oom = now - this.oomAt < OOM_COUNTS_MS;
    this.applicability = judgeApplicability(reading, this.keyspace, this.options, oom);
    return this.applicability;
  }

  /** How much of the growth stays committed: if keys are evicted, the evictable part of the growth replaces others. */
  private committing(growth: number): number {
    const { takenBack } = this;
    return growth - Math.min(takenBack, growth * (1 - this.committedPart));
  }

  private learnRates(reading: Reading, { evictionCounts }: Applicability, now: number): number {
    const { gate, options, rates, flow } = this;
    const byServer = evictionCounts ? this.evictable : NOTHING_EVICTABLE;
    const byOwn: Evictable = { ...byServer, bytes: this.ownEvictable, basis: 'known' };
    flow.take(countedBytes(reading), byOwn.bytes > byServer.bytes ? byOwn : byServer, now);
    const learntMs = rates.learn(flow.bytes, gate.admitted, gate.admittedBy, now, meanOver(options.reserve));
    this.committedPart = rates.part;
    this.admittedPerSecond = 1000 * rates.admitted;
    return learntMs;
  }
}
