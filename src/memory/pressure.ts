// From readings to the shed gate: how full the server is, what has been let through since, what to refuse now.
// Pure but for the gate it writes: no timers, no I/O, the clock comes with each call (monotonic milliseconds).
//
//   estimate = reading + growth forwarded and not known to be in it + what others write, by their rate × age
//   held     = the highest reading, let down only once readings fall `hysteresis` below it
//   refused share of a priority = where max(held, estimate / limit, rehearsed) stands in its band
//
// Since growth counts from the moment it is forwarded, a burst between two readings cannot overshoot.
// Invariants: held is moved by readings and by Redis's own OOM only, so levels don't flap with estimates; a rehearsal
// only ever adds to what is refused, and leaves nothing behind.
import { Priority } from '../policy/rule.js';
import { ALL, type ShedGate } from '../policy/shed.js';
import { type Applicability, judgeApplicability } from './applicability.js';
import type { KeyspaceReading, Reading } from './reading.js';

export type Band = readonly [start: number, full: number] | null;

export interface PressureOptions {
  /** By Priority. */
  readonly bands: readonly Band[];
  /** Share of the limit. */
  readonly hysteresis: number;
  readonly limitBytes: number | undefined;
  readonly shedWhen: 'auto' | 'always' | 'never';
  readonly staleAfterMs: number;
  readonly onStale: 'admit' | 'hold';
}

/** What one Pressure has made of its readings, as plain data: for others, in front of the same server, to go by. */
export interface PressureState {
  readonly reading: Reading | undefined;
  readonly applicability: Applicability | undefined;
  readonly readingAgeMs: number;
  readonly answeredThen: number;
  readonly held: number;
  readonly othersRate: number;
  readonly rehearsal: Rehearsal | undefined;
}

/** A pressure that is acted as if it were there. */
export interface Rehearsal {
  readonly pressure: number;
  readonly leftMs: number;
}

export type Level = 'open' | 'partial' | 'full';

export interface LevelChange {
  readonly priority: Priority;
  readonly from: Level;
  readonly to: Level;
  /** The pressure that the level stands on, and where it comes from. */
  readonly pressure: number;
  readonly cause:
    | 'reading'
    | 'upstream OOM'
    | 'stale reading'
    | 'not applicable'
    | 'configuration'
    | 'rehearsal';
  readonly reading: Reading | undefined;
}

const PRIORITIES = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL] as const;
/** The estimate is looked at again each time it has grown by this share of the limit. */
const STEP = 0.002;
/** Share of the limit below the first band within which an OOM is taken for what it says. */
const OOM_TRUST = 0.1;
/** How long Redis's OOM counts as proof that eviction does not help. */
const OOM_COUNTS_MS = 5000;
/** Others' rate is learnt over intervals of at least this length, the newest weighing this much. */
const RATE_INTERVAL_MS = 200;
const RATE_WEIGHT = 0.3;

export class Pressure {
  reading: Reading | undefined;
  applicability: Applicability | undefined;
  levelChanges = 0;
  readonly levels: Level[] = ['open', 'open', 'open', 'open'];
  private readAt = Number.NEGATIVE_INFINITY;
  /** gate.answered when the reading was asked for: all of it is in the reading. */
  private answeredThen = 0;
  private held = 0;
  private oomAt = Number.NEGATIVE_INFINITY;
  private rehearsed = 0;
  private rehearsedUntil = Number.NEGATIVE_INFINITY;
  /** Bytes a millisecond that come from elsewhere: other proxies, direct writers. */
  private othersRate = 0;
  /** The reading and the growth let through when the rate was last learnt. */
  private rateSince = { at: Number.NEGATIVE_INFINITY, counted: 0, admitted: 0 };
  private lowestStart: number;

  constructor(
    private options: PressureOptions,
    private readonly gate: ShedGate,
    private readonly onChange: (change: LevelChange) => void,
  ) {
    this.lowestStart = lowestStart(options);
  }

  /** Other options from now on. Whether they apply to the server at all, the next reading tells. */
  reconfigure(options: PressureOptions, now: number): void {
    this.options = options;
    this.lowestStart = lowestStart(options);
    this.apply(now);
    if (this.applicability?.applies === true && !this.isStale(now)) this.setLevels('configuration');
  }

  /** A reading has come; `answered` is what gate.answered was when it was asked for. */
  take(reading: Reading, keyspace: KeyspaceReading | undefined, answered: number, now: number): void {
    this.learnOthersRate(reading, now);
    this.reading = reading;
    this.readAt = now;
    this.answeredThen = answered;
    this.applicability = judgeApplicability(
      reading,
      keyspace,
      this.options,
      now - this.oomAt < OOM_COUNTS_MS,
    );
    const ratio = this.measured;
    if (ratio > this.held) this.held = ratio;
    else if (ratio < this.held - this.options.hysteresis) this.held = ratio + this.options.hysteresis;
    this.apply(now);
    this.setLevels(this.applicability.applies ? 'reading' : 'not applicable');
  }

  state(now: number): PressureState {
    const { reading, applicability, answeredThen, held, othersRate } = this;
    const [readingAgeMs, rehearsal] = [this.readingAge(now), this.rehearsal(now)];
    return { reading, applicability, readingAgeMs, answeredThen, held, othersRate, rehearsal };
  }

  /** Goes by another's readings from now on, instead of take(). The gate must count all that the other's counts. */
  adopt(state: PressureState, now: number): void {
    this.reading = state.reading;
    this.applicability = state.applicability;
    this.readAt = now - state.readingAgeMs;
    this.answeredThen = state.answeredThen;
    this.held = state.held;
    this.othersRate = state.othersRate;
    this.rehearsed = state.rehearsal?.pressure ?? 0;
    this.rehearsedUntil = now + (state.rehearsal?.leftMs ?? 0);
    this.apply(now);
  }

  /** Acts for so long as if the pressure were at least this one; 0 ends that. Nothing comes of it where nothing is shed. */
  rehearse(pressure: number, durationMs: number, now: number): void {
    this.rehearsed = pressure;
    this.rehearsedUntil = now + durationMs;
    this.apply(now);
    this.setLevels('rehearsal');
  }

  /** undefined: there is none now. */
  rehearsal(now: number): Rehearsal | undefined {
    const leftMs = this.rehearsedUntil - now;
    return this.rehearsed > 0 && leftMs > 0 ? { pressure: this.rehearsed, leftMs } : undefined;
  }

  /**
   * Redis itself answered OOM to a client: memory is at its limit now. Far below the first band that is not taken on
   * trust, since a script can answer what it likes and one huge value is refused on a half empty server; there the
   * reading that follows at once decides.
   */
  upstreamOom(now: number): void {
    this.oomAt = now;
    if (this.applicability?.applies !== true || this.held >= 1 || this.distanceToShedding(now) > OOM_TRUST)
      return;
    this.held = 1;
    this.apply(now);
    this.setLevels('upstream OOM');
  }

  /** Looks at the clock: what others write, and whether the reading still counts. */
  apply(now: number): void {
    const { gate } = this;
    const { applicability, reading } = this;
    if (now >= this.rehearsedUntil) this.rehearsed = 0;
    if (reading === undefined || applicability?.applies !== true) {
      this.open();
      return;
    }
    if (this.isStale(now) && this.options.onStale === 'admit') {
      this.open();
      this.setLevels('stale reading');
      return;
    }
    const effective = Math.max(this.effective, this.estimate(now) / applicability.limitBytes);
    gate.byKey = false;
    for (const priority of PRIORITIES) {
      const share = this.share(priority, effective);
      gate.thresholds[priority] = share * ALL;
      if (share > 0) gate.byKey = true;
    }
    this.setHeadroom(now);
    gate.active = gate.byKey || applicability.refusesAtLimit;
    const distance = Math.max(STEP, (this.lowestStart - effective) / 2);
    gate.wakeAt = gate.admitted + Math.min(distance, 1) * applicability.limitBytes;
  }

  /** Share of a priority's keys that is refused when the pressure is `effective`. */
  share(priority: Priority, effective = this.effective): number {
    const band = this.options.bands[priority];
    if (band === null || this.applicability?.applies !== true) return 0;
    const [start, full] = band;
    if (effective >= full) return 1;
    return effective <= start ? 0 : (effective - start) / (full - start);
  }

  /** used / limit as last read; 0 without a reading or a limit. */
  get measured(): number {
    const limit = this.applicability?.limitBytes ?? 0;
    return limit > 0 ? this.countedBytes / limit : 0;
  }

  /** The pressure that levels stand on. */
  get effective(): number {
    return Math.max(this.held, this.rehearsed);
  }

  /** Bytes of growth that the reading may not contain. */
  get growthSinceReading(): number {
    return Math.max(0, this.gate.admitted - this.answeredThen);
  }

  readingAge(now: number): number {
    return now - this.readAt;
  }

  isStale(now: number): boolean {
    return this.readingAge(now) > this.options.staleAfterMs;
  }

  /** How close the estimate is to where refusing begins: 0 at or above it, else the share of the limit between. */
  distanceToShedding(now: number): number {
    if (this.applicability?.applies !== true) return Number.POSITIVE_INFINITY;
    return Math.max(
      0,
      this.lowestStart - Math.max(this.held, this.estimate(now) / this.applicability.limitBytes),
    );
  }

  private estimate(now: number): number {
    return this.countedBytes + this.growthSinceReading + this.othersRate * Math.max(0, this.readingAge(now));
  }

  private get countedBytes(): number {
    return this.reading === undefined ? 0 : this.reading.usedBytes - this.reading.notCountedBytes;
  }

  /** What memory grew by beyond what this proxy let through, over intervals long enough to mean something. */
  private learnOthersRate(reading: Reading, now: number): void {
    const counted = reading.usedBytes - reading.notCountedBytes;
    const elapsed = now - this.rateSince.at;
    if (elapsed < RATE_INTERVAL_MS) return;
    if (Number.isFinite(elapsed)) {
      const grown = counted - this.rateSince.counted;
      const own = this.gate.admitted - this.rateSince.admitted;
      const rate = Math.max(0, grown - own) / elapsed;
      this.othersRate += (rate - this.othersRate) * RATE_WEIGHT;
    }
    this.rateSince = { at: now, counted, admitted: this.gate.admitted };
  }

  /**
   * What a single write may still take. Growth under way counts against all but priorities that are never shed: for
   * them only what was read does, since what they have under way may overwrite what is there.
   */
  private setHeadroom(now: number): void {
    const limit = this.applicability?.refusesAtLimit
      ? (this.reading?.maxmemoryBytes ?? 0)
      : Number.POSITIVE_INFINITY;
    for (const priority of PRIORITIES) {
      const used = this.options.bands[priority] === null ? this.countedBytes : this.estimate(now);
      this.gate.headroom[priority] = Math.max(0, limit - used);
    }
  }

  private open(): void {
    this.gate.active = false;
    this.gate.byKey = false;
    this.gate.thresholds.fill(0);
    this.gate.headroom.fill(Number.POSITIVE_INFINITY);
    this.gate.wakeAt = Number.POSITIVE_INFINITY;
  }

  private setLevels(cause: LevelChange['cause']): void {
    for (const priority of PRIORITIES) {
      const share = cause === 'stale reading' ? 0 : this.share(priority);
      const to: Level = share === 0 ? 'open' : share === 1 ? 'full' : 'partial';
      const from = this.levels[priority];
      if (from === to) continue;
      this.levels[priority] = to;
      this.levelChanges++;
      this.onChange({ priority, from, to, pressure: this.effective, cause, reading: this.reading });
    }
  }
}

function lowestStart({ bands }: PressureOptions): number {
  return Math.min(...bands.map((band) => band?.[0] ?? Number.POSITIVE_INFINITY));
}
