// From readings to the gate: how full the server is, what was admitted since, and what to shed now and why.
// Pure except for the gate that it writes: no timers, no I/O; the clock comes with each call (monotonic milliseconds).
// The file is long because the decision is made only here; its inputs (rates, latch, reserve, levels, relief) have files of
// their own.
//
//   committed = used memory that nothing can take back (evictable.ts); with noeviction all of it
//   estimate = committed + admitted growth that it may not contain + growth by others (their rate × age)
//              if the server evicts: only the part of the growth that stays committed, as measured
//              while readings fail: committed + at most the growth that was measured over such a time
//   latched  = the highest reading; it falls only once readings are `hysteresis` below it
//   acting   = max(latched, estimate / limit, rehearsed)
//   a priority's share is the position of `acting` in its band, which the reserve moves down or squeezes (bands.ts)
//
// Growth counts from the moment it is forwarded, so a burst between two readings cannot overshoot.
// Invariants: only `apply` decides what is shed; the gate, the levels and their causes follow from it. Only readings and
// Redis's own OOM move `latched`. A rehearsal can only add to what is shed, and leaves nothing behind.
import { MOST_SHARE } from '../core/policy/brief.js';
import { Priority } from '../core/policy/rule.js';
import { ALL, type ShedGate } from '../core/policy/shed.js';
import { type Applicability, judgeApplicability } from './applicability.js';
import { type Band, Bands } from './bands.js';
import { CommittedFlow } from './committed-flow.js';
import { type Evictable, evictableOf, NOTHING_EVICTABLE } from './evictable.js';
import { GrowthRates } from './growth-rates.js';
import { Latch } from './latch.js';
import { type Cause, isAbove, Levels, levelOf } from './levels.js';
import type { LevelChange, PressureOptions } from './pressure-options.js';
import type { Covered, PressureState, Rehearsal } from './pressure-state.js';
import { countedBytes, differenceOf, type KeyspaceReading, type Reading } from './reading.js';
import { Rehearsed } from './rehearsed.js';
import { Relief } from './relief.js';
import { meanOver, Reserve } from './reserve.js';

const PRIORITIES = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL] as const;
/** The estimate is computed again each time it has grown by this share of the limit. */
const STEP = 0.002;
/** Share of the limit below the first band within which Redis's OOM is believed at once. */
const OOM_TRUST = 0.1;
/** How long Redis's OOM counts as proof that eviction does not help. */
const OOM_COUNTS_MS = 5000;
/** Memory has improved if it falls by this share of the limit from one reading to the next. */
const MUCH_FREED = 0.1;
/**
 * Writes with a TTL are spared while this much can be evicted: this share of the limit, and what writers commit in a second.
 */
const SPARES_ABOVE = 0.02;

export class Pressure {
  reading: Reading | undefined;
  applicability: Applicability | undefined;
  /** As last read; undefined in a worker, because its primary decides. */
  private keyspace: KeyspaceReading | undefined;
  /** What the server can evict, as last read. */
  evictable = NOTHING_EVICTABLE;
  /** Proxies that write to this server, this one among them. */
  proxies = 1;
  /** Bytes that Spillway itself can evict. */
  ownEvictable = 0;
  readonly levels = new Levels();
  /** The pressure that Spillway acts on, as a share of the limit, and what it comes from. */
  acting = 0;
  cause: Cause = 'no reading yet';
  private readAt = Number.NEGATIVE_INFINITY;
  private covered: Covered = { growth: 0, reliefs: 0 };
  private better = true;
  /** Readings that were requested since the last one have failed, or are overdue. */
  private blind = false;
  private oomAt = Number.NEGATIVE_INFINITY;
  private readonly rehearsed = new Rehearsed();
  private latch = new Latch();
  private readonly flow = new CommittedFlow();
  private readonly rates = new GrowthRates();
  private committedPart = 1;
  private admittedPerSecond = 0;
  private readonly reserve = new Reserve();
  private readonly relief = new Relief();
  private bands: Bands;

  constructor(
    private options: PressureOptions,
    private readonly gate: ShedGate,
    private readonly onChange: (change: LevelChange) => void,
  ) {
    this.bands = new Bands(options.bands);
  }

  /** Sets other options, also while no readings come. */
  reconfigure(options: PressureOptions, now: number): void {
    this.options = options;
    this.bands = new Bands(options.bands);
    if (options.reserve.most === 0) this.reserve.bytes.fill(0);
    if (this.reading !== undefined && this.keyspace !== undefined) this.judge(this.reading, now);
    this.apply(now, 'configuration');
  }

  /** A reading has come; `covered` is what was answered when it was requested. */
  take(
    reading: Reading,
    keyspace: KeyspaceReading | undefined,
    covered: Covered,
    now: number,
    evictable: Evictable = evictableOf(reading, keyspace, undefined, now),
  ): void {
    const before = this.reading;
    const committedBefore = this.committedBytes;
    this.reading = reading;
    this.evictable = evictable;
    this.readAt = now;
    // While memory is being freed, the reading does not yet show the command's effect.
    this.covered = reading.freeing ? { ...covered, reliefs: this.covered.reliefs } : covered;
    this.blind = false;
    this.keyspace = keyspace;
    const applicability = this.judge(reading, now);
    const freed = before === undefined ? 0 : committedBefore - this.committedBytes;
    const elapsed = this.learnRates(now);
    const { latch } = this;
    const { lowestStart } = this.bands;
    const refused = latch.pressure > lowestStart;
    latch.take(this.measured, lowestStart, this.options.hysteresis);
    if (elapsed > 0) this.learnReserve(elapsed, applicability);
    this.better =
      before?.maxmemoryBytes !== reading.maxmemoryBytes ||
      before.policy !== reading.policy ||
      freed >= MUCH_FREED * applicability.limitBytes ||
      (refused && latch.pressure <= lowestStart);
    this.relief.see(this.gate.reliefs, now);
    this.relief.take(this.covered.reliefs, this.better);
    this.apply(now, applicability.applies ? 'reading' : 'not applicable');
  }

  /**
   * The primary has moved, and `reading` is the first of the new server: it is accepted as it is. What was under way to the old
   * server is over, and the old peaks mean nothing here. Returns in words how the new server's limit or policy differs from the
   * old one's; undefined: they do not differ.
   */
  moved(reading: Reading, now: number): string | undefined {
    const before = this.reading;
    // It has said that it is not a replica.
    const keyspace = this.keyspace && { ...this.keyspace, replica: false };
    this.reading = undefined;
    this.oomAt = Number.NEGATIVE_INFINITY;
    this.latch = new Latch();
    this.flow.startOver();
    this.rates.startOver();
    const { admitted, reliefs } = this.gate;
    this.covered = { growth: admitted, reliefs };
    this.take(reading, keyspace, this.covered, now);
    return before && differenceOf(before, reading);
  }

  private judge(reading: Reading, now: number): Applicability {
    const oom = now - this.oomAt < OOM_COUNTS_MS;
    this.applicability = judgeApplicability(reading, this.keyspace, this.options, oom);
    return this.applicability;
  }

  /** A requested reading has failed, or is overdue: until the next one, the last reading stays in use. */
  missed(now: number): void {
    if (this.blind) return;
    this.blind = true;
    this.apply(now);
  }

  /** Spillway itself can evict this many bytes now; 0 unless it holds its mark. Returns whether that changes something. */
  canEvict(bytes: number, now: number): boolean {
    const before = this.ownEvictable;
    const limitBytes = this.applicability?.limitBytes ?? 0;
    if (bytes === before || (bytes > 0 && before > 0 && Math.abs(bytes - before) < STEP * limitBytes))
      return false;
    this.ownEvictable = bytes;
    this.apply(now);
    return true;
  }

  state(now: number): PressureState {
    const { reading, applicability, covered, better, blind, evictable, ownEvictable } = this;
    const { latch, rates, committedPart, admittedPerSecond, proxies } = this;
    const [readingAgeMs, rehearsal] = [this.readingAge(now), this.rehearsal(now)];
    return {
      ...{ reading, applicability, readingAgeMs, covered, better, blind, evictable, ownEvictable },
      ...{ latched: latch.pressure, oomContradictedAt: latch.contradictedAt, rehearsal },
      ...{ othersRate: rates.others, measuredRate: rates.measured },
      ...{ committedPart, admittedPerSecond, proxies },
      reserved: Array.from(this.reserve.bytes),
    };
  }

  /**
   * Acts on another process's readings from now on, instead of take(). The gate must count everything that the other's counts.
   */
  adopt(state: PressureState, now: number): void {
    this.reading = state.reading;
    this.applicability = state.applicability;
    this.evictable = state.evictable;
    this.ownEvictable = state.ownEvictable;
    this.committedPart = state.committedPart;
    this.admittedPerSecond = state.admittedPerSecond;
    this.proxies = state.proxies;
    this.readAt = now - state.readingAgeMs;
    this.covered = state.covered;
    this.better = state.better;
    this.blind = state.blind;
    this.latch.pressure = state.latched;
    this.latch.contradictedAt = state.oomContradictedAt;
    this.reserve.adopt(state.reserved);
    this.rates.others = state.othersRate;
    this.rates.measured = state.measuredRate;
    this.rehearsed.start(state.rehearsal?.pressure ?? 0, state.rehearsal?.leftMs ?? 0, now);
    this.relief.see(this.gate.reliefs, now);
    this.relief.take(state.covered.reliefs, state.better);
    this.apply(now);
  }

  /** Acts for this time as if the pressure were at least this high; 0 ends that. Without effect if nothing is shed. */
  startRehearsal(pressure: number, durationMs: number, now: number): void {
    this.rehearsed.start(pressure, durationMs, now);
    this.apply(now, 'rehearsal');
  }

  /** undefined: no rehearsal. */
  rehearsal(now: number): Rehearsal | undefined {
    return this.rehearsed.at(now);
  }

  /**
   * Redis itself answered OOM to a client: memory is at its limit now. Far below the first band this is not believed at once,
   * since one huge value is refused even by a half empty server; there the next reading decides, which comes at once. It is
   * also not believed if a reading has just contradicted an OOM, until memory is fuller than then.
   */
  upstreamOom(now: number): void {
    this.oomAt = now;
    if (this.applicability?.applies !== true || this.distanceToShedding(now) > OOM_TRUST) return;
    if (this.latch.takeOom(this.measured, this.options.hysteresis)) this.apply(now, 'upstream OOM');
  }

  /**
   * Decides what is refused from now on: writes the gate, and reports the levels that have changed. `trigger`: what has
   * happened; without it only time has passed, or growth.
   */
  apply(now: number, trigger?: Cause): void {
    const { gate, applicability } = this;
    this.relief.see(gate.reliefs, now);
    this.rehearsed.pass(now);
    if (this.reading === undefined || applicability?.applies !== true) {
      this.open(0, this.reading === undefined ? 'no reading yet' : 'not applicable', now, trigger);
      return;
    }
    if (this.isStale(now) && this.options.onStale === 'admit') {
      this.open(this.effective, 'stale reading', now, 'stale reading');
      return;
    }
    const estimate = this.estimate(now) / applicability.limitBytes;
    this.acting = Math.max(this.effective, estimate);
    this.bands.reserve(this.reserve.bytes, applicability.limitBytes, this.serverEvicts(applicability));
    this.setThresholds();
    this.setHeadroom(now, applicability);
    gate.brief.most = MOST_SHARE * applicability.limitBytes;
    gate.active = true;
    gate.sparesExpiring = this.sparesExpiring(applicability);
    const distance = Math.max(STEP, (this.bands.begins - Math.max(this.acting, this.wary(now))) / 2);
    gate.wakeAt = gate.admitted + (Math.min(distance, 1) * applicability.limitBytes) / this.proxies;
    this.tellLevels(now, trigger);
    this.pauseForRelief(applicability.limitBytes);
  }

  /** Bytes by which all writes of a priority are refused earlier than its band says, so that higher ones can grow. */
  reserved(priority: Priority): number {
    const { applicability, bands } = this;
    return applicability?.applies === true ? bands.earlier(priority) * applicability.limitBytes : 0;
  }

  /** The present band of a priority: its configured band, moved or squeezed by the room for higher ones. */
  band(priority: Priority): Band {
    return this.bands.at(priority);
  }

  /** Bytes that the writes of a priority add to memory in a second, and those from elsewhere. */
  growthPerSecond(priority: Priority | 'others'): number {
    return 1000 * (priority === 'others' ? this.rates.steadyOthers : this.rates.byPriority[priority]);
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

  /** Bytes that the server or Spillway can evict, as far as they count. */
  private get takenBack(): number {
    const byServer = this.applicability?.evictionCounts === true ? this.evictable.bytes : 0;
    return Math.max(byServer, this.ownEvictable);
  }

  /** Bytes of growth that the reading may not contain. */
  get growthSinceReading(): number {
    return Math.max(0, this.gate.admitted - this.covered.growth);
  }

  readingAge(now: number): number {
    return now - this.readAt;
  }

  isStale(now: number): boolean {
    return this.readingAge(now) > this.options.staleAfterMs;
  }

  /** How close the estimate is to the start of refusing: 0 at or above it, otherwise the share of the limit in between. */
  distanceToShedding(now: number): number {
    if (this.applicability?.applies !== true) return Number.POSITIVE_INFINITY;
    return Math.max(
      0,
      this.bands.begins - Math.max(this.latch.pressure, this.estimate(now) / this.applicability.limitBytes),
    );
  }

  /**
   * The same if all proxies have written as much as this one since the reading. It only decides how soon the next reading is
   * due; nothing is refused by it.
   */
  distanceToReading(now: number): number {
    const distance = this.distanceToShedding(now);
    return Number.isFinite(distance)
      ? Math.max(0, Math.min(distance, this.bands.begins - this.wary(now)))
      : distance;
  }

  private wary(now: number): number {
    const others = (this.proxies - 1) * this.committing(this.growthSinceReading);
    return (this.estimate(now) + others) / (this.applicability?.limitBytes ?? 1);
  }

  /** The pressure without the estimated part. */
  private get effective(): number {
    return Math.max(this.latch.pressure, this.rehearsed.pressure);
  }

  private estimate(now: number): number {
    const age = Math.max(0, this.readingAge(now));
    const growth = this.committing(this.growthSinceReading) + this.rates.others * age;
    const { committedBytes } = this;
    if (!this.blind) return committedBytes + growth;
    // Most growth overwrites existing data; without readings nothing corrects for that.
    return committedBytes + Math.min(growth, this.rates.measured * Math.min(age, this.options.staleAfterMs));
  }

  /** How much of the growth stays committed: if keys are evicted, the evictable part of the growth replaces others. */
  private committing(growth: number): number {
    const { takenBack } = this;
    return growth - Math.min(takenBack, growth * (1 - this.committedPart));
  }

  private learnRates(now: number): number {
    const { gate, options, rates, reading, applicability, flow } = this;
    if (reading === undefined) return 0;
    const byServer = applicability?.evictionCounts === true ? this.evictable : NOTHING_EVICTABLE;
    const byOwn: Evictable = { ...byServer, bytes: this.ownEvictable, basis: 'known' };
    flow.take(countedBytes(reading), byOwn.bytes > byServer.bytes ? byOwn : byServer, now);
    const elapsed = rates.learn(flow.bytes, gate.admitted, gate.admittedBy, now, meanOver(options.reserve));
    this.committedPart = rates.part;
    this.admittedPerSecond = 1000 * rates.admitted;
    return elapsed;
  }

  private serverEvicts({ evictionCounts }: Applicability): boolean {
    return evictionCounts && this.evictable.eviction !== 'none';
  }

  /** Whether enough can be evicted. What has a TTL replaces what had one, so only what stays committed uses it up. */
  private sparesExpiring({ limitBytes, evictionCounts }: Applicability): boolean {
    if (!evictionCounts || this.evictable.eviction !== 'volatile') return false;
    const left = Math.min(this.evictable.bytes, Math.max(0, 1 - this.rehearsed.pressure) * limitBytes);
    return left >= SPARES_ABOVE * limitBytes + this.admittedPerSecond * this.committedPart;
  }

  private learnReserve(elapsedMs: number, { limitBytes }: Applicability): void {
    const { gate, rates, options, reserve } = this;
    const refused = (priority: number): number => gate.thresholds[priority] / ALL;
    reserve.learn(rates.byPriority, rates.steadyOthers, refused, elapsedMs, options.reserve, limitBytes);
  }

  private setThresholds(): void {
    const { gate, bands, acting } = this;
    gate.byKey = false;
    for (const priority of PRIORITIES) {
      const share = bands.share(priority, acting);
      gate.thresholds[priority] = share * ALL;
      gate.byBand[priority] = bands.byBand(priority, acting) * ALL;
      if (share > 0) gate.byKey = true;
    }
  }

  /**
   * What a single write may still take, up to the limit of the pressure. Growth under way counts against all priorities except
   * those that are never shed: for these only the reading counts, since what they have under way may overwrite existing data;
   * and only if Redis itself would refuse.
   */
  private setHeadroom(now: number, { limitBytes, refusesAtLimit }: Applicability): void {
    const { gate, bands, reserve } = this;
    const estimate = this.estimate(now) + gate.promised + gate.promisedElsewhere;
    const ofServer = refusesAtLimit ? (this.reading?.maxmemoryBytes ?? 0) : Number.POSITIVE_INFINITY;
    for (const priority of PRIORITIES) {
      const left = bands.isNever(priority)
        ? ofServer - this.committedBytes
        : limitBytes - reserve.bytes[priority] - estimate;
      gate.headroom[priority] = Math.max(0, left);
    }
  }

  private pauseForRelief(limitBytes: number): void {
    const { gate, relief } = this;
    const passed = gate.admitted + gate.promised + gate.promisedElsewhere;
    const left = relief.pause(passed, limitBytes);
    if (left === 0) return;
    gate.open();
    gate.wakeAt = gate.admitted + left;
    this.cause = 'relief';
  }

  private open(acting: number, cause: Cause, now: number, trigger: Cause | undefined): void {
    this.gate.open();
    this.gate.sparesExpiring = false;
    this.relief.none();
    this.acting = acting;
    this.tellLevels(now, trigger ?? cause, 0);
    this.cause = cause;
  }

  /** `most`: 0 if nothing is refused at any pressure. */
  private tellLevels(now: number, trigger: Cause | undefined, most = 1): void {
    const { bands, acting, effective } = this;
    this.cause = this.rehearsed.pressure > this.latch.pressure ? 'rehearsal' : this.latch.by;
    for (const priority of PRIORITIES) {
      const to = levelOf(most * bands.share(priority, acting));
      const byGrowth = isAbove(to, levelOf(most * bands.share(priority, effective)));
      const byReserve = isAbove(to, levelOf(most * bands.byBand(priority, acting)));
      if (byGrowth) this.cause = 'growth since the reading';
      const standing = { byGrowth, byReserve, trigger, cause: this.cause, atOnce: most === 0 };
      const told = this.levels.see(priority, to, standing, now);
      if (told === undefined) continue;
      const { sparesExpiring } = this.gate;
      this.onChange({ priority, to, ...told, pressure: acting, reading: this.reading, sparesExpiring });
    }
  }
}
