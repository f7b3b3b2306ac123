// What to shed now and why: from the estimate of memory (estimate.ts) to the gate. Pure except for the gate that
// it writes: no timers, no I/O; the clock comes with each call (monotonic milliseconds).
//
//   latched  = the highest reading; it falls only once readings are `hysteresis` below it
//   acting   = max(latched, estimate / limit, rehearsed)
//   a priority's share is the position of `acting` in its band, which the reserve moves down or squeezes (bands.ts)
//
// Invariants: only `apply` decides what is shed; the gate, the levels and their causes follow from it. Only readings and
// Redis's own OOM move `latched`. A rehearsal can only add to what is shed, and leaves nothing behind.
// It is long because the decision is made only here.
import { MOST_SHARE } from '../core/policy/brief.js';
import { Priority } from '../core/policy/rule.js';
import { ALL, type ShedGate } from '../core/policy/shed.js';
import type { Applicability } from './applicability.js';
import { type Band, Bands } from './bands.js';
import { MemoryEstimate } from './estimate.js';
import { type Evictable, evictableOf } from './evictable.js';
import { Latch } from './latch.js';
import { type Cause, isAbove, Levels, levelOf } from './levels.js';
import type { LevelChange, PressureOptions } from './pressure-options.js';
import type { Covered, PressureState, Rehearsal } from './pressure-state.js';
import { differenceOf, type KeyspaceReading, type Reading } from './reading.js';
import { Rehearsed } from './rehearsed.js';
import { Relief } from './relief.js';
import { Reserve } from './reserve.js';

const PRIORITIES = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL] as const;
/** The estimate is computed again each time it has grown by this share of the limit. */
const STEP = 0.002;
/** Share of the limit below the first band within which Redis's OOM is believed at once. */
const OOM_TRUST = 0.1;
/** Memory has improved if it falls by this share of the limit from one reading to the next. */
const MUCH_FREED = 0.1;
/**
 * Writes with a TTL are spared while this much can be evicted: this share of the limit, and what writers commit in a second.
 */
const SPARES_ABOVE = 0.02;

export class Pressure {
  /** What is known of the server's memory. */
  readonly memory: MemoryEstimate;
  readonly levels = new Levels();
  /** The pressure that Spillway acts on, as a share of the limit, and what it comes from. */
  acting = 0;
  cause: Cause = 'no reading yet';
  private better = true;
  private readonly rehearsed = new Rehearsed();
  private latch = new Latch();
  private readonly reserve = new Reserve();
  private readonly relief = new Relief();
  private bands: Bands;

  constructor(
    private options: PressureOptions,
    private readonly gate: ShedGate,
    private readonly onChange: (change: LevelChange) => void,
  ) {
    this.memory = new MemoryEstimate(options, gate);
    this.bands = new Bands(options.bands);
  }

  /** Sets other options, also while no readings come. */
  reconfigure(options: PressureOptions, now: number): void {
    this.options = options;
    this.bands = new Bands(options.bands);
    if (options.reserve.most === 0) this.reserve.bytes.fill(0);
    this.memory.reconfigure(options, now);
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
    const { memory } = this;
    const { reading: before } = memory;
    const { applicability, freedBytes, learntMs } = memory.take(reading, keyspace, covered, now, evictable);
    const { latch } = this;
    const { lowestStart } = this.bands;
    const refused = latch.pressure > lowestStart;
    latch.take(memory.measured, lowestStart, this.options.hysteresis);
    if (learntMs > 0) this.learnReserve(learntMs, applicability);
    this.better =
      before?.maxmemoryBytes !== reading.maxmemoryBytes ||
      before.policy !== reading.policy ||
      freedBytes >= MUCH_FREED * applicability.limitBytes ||
      (refused && latch.pressure <= lowestStart);
    this.relief.take(this.gate.reliefs, now, memory.covered.reliefs, this.better);
    this.apply(now, applicability.applies ? 'reading' : 'not applicable');
  }

  /**
   * The primary has moved, and `reading` is the first of the new server: it is accepted as it is. What was under way to the old
   * server is over, and the old peaks mean nothing here. Returns in words how the new server's limit or policy differs from the
   * old one's; undefined: they do not differ.
   */
  moved(reading: Reading, now: number): string | undefined {
    const { memory } = this;
    const { reading: before, keyspace: known } = memory;
    // It has said that it is not a replica.
    const keyspace = known && { ...known, replica: false };
    memory.startOver();
    this.latch = new Latch();
    this.take(reading, keyspace, memory.covered, now);
    return before && differenceOf(before, reading);
  }

  /** A requested reading has failed, or is overdue: until the next one, the last reading stays in use. */
  missed(now: number): void {
    if (this.memory.isBlind) return;
    this.memory.isBlind = true;
    this.apply(now);
  }

  /** Spillway itself can evict this many bytes now; 0 unless it holds its mark. Returns whether that changes something. */
  canEvict(bytes: number, now: number): boolean {
    const { memory } = this;
    const before = memory.ownEvictable;
    const limitBytes = memory.applicability?.limitBytes ?? 0;
    if (bytes === before || (bytes > 0 && before > 0 && Math.abs(bytes - before) < STEP * limitBytes))
      return false;
    memory.ownEvictable = bytes;
    this.apply(now);
    return true;
  }

  state(now: number): PressureState {
    const { latch, better } = this;
    return {
      ...this.memory.state(now),
      ...{ latched: latch.pressure, oomContradictedAt: latch.contradictedAt, better },
      rehearsal: this.rehearsal(now),
      reserved: Array.from(this.reserve.bytes),
    };
  }

  /**
   * Acts on another process's readings from now on, instead of take(). The gate must count everything that the other's counts.
   */
  adopt(state: PressureState, now: number): void {
    this.memory.adopt(state, now);
    this.better = state.better;
    this.latch.pressure = state.latched;
    this.latch.contradictedAt = state.oomContradictedAt;
    this.reserve.adopt(state.reserved);
    this.rehearsed.start(state.rehearsal?.pressure ?? 0, state.rehearsal?.leftMs ?? 0, now);
    this.relief.take(this.gate.reliefs, now, state.covered.reliefs, state.better);
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
    this.memory.oomSeen(now);
    if (this.memory.applicability?.applies !== true || this.distanceToShedding(now) > OOM_TRUST) return;
    if (this.latch.takeOom(this.memory.measured, this.options.hysteresis)) this.apply(now, 'upstream OOM');
  }

  /**
   * Decides what is refused from now on: writes the gate, and reports the levels that have changed. `trigger`: what has
   * happened; without it only time has passed, or growth.
   */
  apply(now: number, trigger?: Cause): void {
    const { gate, memory } = this;
    const { applicability } = memory;
    if (memory.reading === undefined || applicability?.applies !== true) {
      this.open(0, memory.reading === undefined ? 'no reading yet' : 'not applicable', now, trigger);
      return;
    }
    if (memory.isStale(now) && this.options.onStale === 'admit') {
      this.open(this.effective(now), 'stale reading', now, 'stale reading');
      return;
    }
    this.acting = Math.max(this.effective(now), memory.now(now) / applicability.limitBytes);
    this.bands.reserve(this.reserve.bytes, applicability.limitBytes, memory.serverEvicts);
    this.setThresholds();
    this.setHeadroom(now, applicability);
    gate.brief.most = MOST_SHARE * applicability.limitBytes;
    gate.active = true;
    gate.sparesExpiring = this.sparesExpiring(now, applicability);
    const distance = Math.max(STEP, (this.bands.begins - Math.max(this.acting, this.wary(now))) / 2);
    gate.wakeAt = gate.admitted + (Math.min(distance, 1) * applicability.limitBytes) / memory.proxies;
    this.tellLevels(now, trigger);
    this.pauseForRelief(now, applicability.limitBytes);
  }

  /** Bytes by which all writes of a priority are refused earlier than its band says, so that higher ones can grow. */
  reserved(priority: Priority): number {
    const { bands } = this;
    const { applicability } = this.memory;
    return applicability?.applies === true ? bands.earlier(priority) * applicability.limitBytes : 0;
  }

  /** The present band of a priority: its configured band, moved or squeezed by the room for higher ones. */
  band(priority: Priority): Band {
    return this.bands.at(priority);
  }

  /** How close the estimate is to the start of refusing: 0 at or above it, otherwise the share of the limit in between. */
  distanceToShedding(now: number): number {
    const { applicability } = this.memory;
    if (applicability?.applies !== true) return Number.POSITIVE_INFINITY;
    const estimate = this.memory.now(now) / applicability.limitBytes;
    return Math.max(0, this.bands.begins - Math.max(this.latch.pressure, estimate));
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
    return this.memory.ifOthersGrewAlike(now) / (this.memory.applicability?.limitBytes ?? 1);
  }

  /** The pressure without the estimated part. */
  private effective(now: number): number {
    return Math.max(this.latch.pressure, this.rehearsed.pressureAt(now));
  }

  /** Whether enough can be evicted. What has a TTL replaces what had one, so only what stays committed uses it up. */
  private sparesExpiring(now: number, { limitBytes, evictionCounts }: Applicability): boolean {
    const { evictable, committedPerSecond } = this.memory;
    if (!evictionCounts || evictable.eviction !== 'volatile') return false;
    const left = Math.min(evictable.bytes, Math.max(0, 1 - this.rehearsed.pressureAt(now)) * limitBytes);
    return left >= SPARES_ABOVE * limitBytes + committedPerSecond;
  }

  private learnReserve(elapsedMs: number, { limitBytes }: Applicability): void {
    const { gate, options, reserve } = this;
    const { rates } = this.memory;
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
    const { gate, bands, reserve, memory } = this;
    const estimate = memory.now(now) + gate.promised + gate.promisedElsewhere;
    const ofServer = refusesAtLimit ? (memory.reading?.maxmemoryBytes ?? 0) : Number.POSITIVE_INFINITY;
    for (const priority of PRIORITIES) {
      const left = bands.isNever(priority)
        ? ofServer - memory.committedBytes
        : limitBytes - reserve.bytes[priority] - estimate;
      gate.headroom[priority] = Math.max(0, left);
    }
  }

  private pauseForRelief(now: number, limitBytes: number): void {
    const { gate, relief } = this;
    const passed = gate.admitted + gate.promised + gate.promisedElsewhere;
    const left = relief.pause(gate.reliefs, now, passed, limitBytes);
    if (left === 0) return;
    gate.open();
    gate.wakeAt = gate.admitted + left;
    this.cause = 'relief';
  }

  private open(acting: number, cause: Cause, now: number, trigger: Cause | undefined): void {
    this.gate.open();
    this.gate.sparesExpiring = false;
    this.relief.none(this.gate.reliefs, now);
    this.acting = acting;
    this.tellLevels(now, trigger ?? cause, 0);
    this.cause = cause;
  }

  /** `most`: 0 if nothing is refused at any pressure. */
  private tellLevels(now: number, trigger: Cause | undefined, most = 1): void {
    const { bands, acting } = this;
    const effective = this.effective(now);
    this.cause = this.rehearsed.pressureAt(now) > this.latch.pressure ? 'rehearsal' : this.latch.by;
    for (const priority of PRIORITIES) {
      const to = levelOf(most * bands.share(priority, acting));
      const byGrowth = isAbove(to, levelOf(most * bands.share(priority, effective)));
      const byReserve = isAbove(to, levelOf(most * bands.byBand(priority, acting)));
      if (byGrowth) this.cause = 'growth since the reading';
      const standing = { byGrowth, byReserve, trigger, cause: this.cause, atOnce: most === 0 };
      const told = this.levels.see(priority, to, standing, now);
      if (told === undefined) continue;
      const { sparesExpiring } = this.gate;
      this.onChange({
        priority,
        to,
        ...told,
        pressure: acting,
        reading: this.memory.reading,
        sparesExpiring,
      });
    }
  }
}
