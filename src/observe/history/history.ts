// The history of memory and writes, sampled once a second: the last ten minutes second by second, the last two hours in steps
// of ten seconds, each rule's last ten minutes in steps of five. It only receives the samples.
// Invariants: memory is bounded (rings; a track for each present rule, and two numbers for each rule that ever existed, whose
// names the caller bounds); times are monotonic, so setting the clock does no harm; a sample that is not later than the last
// one is ignored.
import { Demand, type GrowthByClass } from './demand.js';
import { type Growth, measureGrowth, type TimeTo, timeTo } from './forecast.js';
import { type RuleRates, type RuleTotals, RuleTrack } from './rule-track.js';
import { SampleRing } from './sample-ring.js';
import type { Point } from './slope.js';

export interface HistorySample {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** The memory that Redis compares with the limit, and the limit; null: unknown. */
  readonly countedBytes: number | null;
  readonly limitBytes: number | null;
  /** That memory without what can be evicted, and half of its 95% confidence interval. */
  readonly committedBytes: number | null;
  readonly errorBytes: number;
  /** The same up to a constant, without the noise of the samples (memory/committed-flow). */
  readonly flowBytes: number | null;
  /** All keys are evicted: memory is never full. */
  readonly evictsAll: boolean;
  /** How much each priority makes memory grow, and what is refused of it; undefined: unknown, as if nothing was refused. */
  readonly growth?: GrowthByClass | undefined;
  /** All rules, and the keys that no rule matches. */
  readonly rules: readonly RuleTotals[];
}

/** GET /api/history: columns of equal length, oldest first. */
export interface HistorySeries {
  intervalSeconds: number;
  /** Epoch milliseconds. */
  at: number[];
  countedBytes: (number | null)[];
  committedBytes: (number | null)[];
  limitBytes: (number | null)[];
  /** Since the previous sample. */
  writesPerSecond: number[];
  shedPerSecond: number[];
  /** Writes a second of each rule, over steps of five seconds of the last ten minutes. */
  rules: { name: string; writesPerSecond: number[] }[];
}

export interface RuleGrowth extends RuleRates {
  name: string;
  /** Share of the growth of all rules, 0 … 1; null: nothing grows. */
  growthShare: number | null;
}

/** A pressure at which something begins: a priority's band, or the limit itself. */
export interface Mark {
  readonly name: string;
  /** Share of the limit. */
  readonly pressure: number;
}

export interface MarkForecast extends Mark, TimeTo {}

/** GET /api/growth. */
export interface GrowthReport {
  /** Measured growth of committed memory; null: too few samples, or memory is unknown. */
  memory: Growth | null;
  /**
   * When the limit is reached, counting what Spillway refuses on the way: never, if the refused writes are all that grows. null
   * without a limit, and if all keys are evicted.
   */
  timeToFull: TimeTo | null;
  /** The same if nothing is refused. */
  timeToFullUnrefused: TimeTo | null;
  /** Counting what is refused on the way. */
  marks: MarkForecast[];
  /** Sums of the rules. */
  writesPerSecond: number;
  shedPerSecond: number;
  /** Estimated growth by the rules: more than memory grew if keys are deleted, less if others write to the server. */
  estimatedBytesPerSecond: number;
  rules: RuleGrowth[];
}

export type Span = '10m' | '2h';

const SPANS = { '10m': { stepMs: 1000, rows: 600 }, '2h': { stepMs: 10_000, rows: 720 } } as const;
const Column = { AT: 0, COUNTED: 1, LIMIT: 2, WRITES: 3, SHED: 4, COMMITTED: 5, FLOW: 6, WANTED: 7 } as const;
const WIDTH = 8;
/** A timer may be some milliseconds off; the sample still counts for its step. */
const EARLY_MS = 250;

export class History {
  private readonly fine = new SampleRing(SPANS['10m'].rows, WIDTH);
  private readonly coarse = new SampleRing(SPANS['2h'].rows, WIDTH);
  private tracks = new Map<string, RuleTrack>();
  private writes = 0;
  private shed = 0;
  private errorBytes = 0;
  private evictsAll = false;
  private readonly demand = new Demand();
  private readonly lastTotals = new Map<string, { readonly writes: number; readonly shed: number }>();

  /** `ttlMs`: the TTL of the rule; 0: unknown, or none. */
  constructor(private readonly ttlMs: (rule: string) => number) {}

  take({ at, rules, ...memory }: HistorySample): void {
    if (at <= this.newest(this.fine)) return;
    this.addUp(rules);
    this.errorBytes = memory.errorBytes;
    this.evictsAll = memory.evictsAll;
    const [counted, limit, committed, flow] = [
      memory.countedBytes,
      memory.limitBytes,
      memory.committedBytes,
      memory.flowBytes,
    ].map((bytes) => bytes ?? Number.NaN);
    if (memory.growth !== undefined) this.demand.take(memory.growth, at);
    const wanted = flow + this.demand.refusedBytes;
    const row = [at, counted, limit, this.writes, this.shed, committed, flow, wanted];
    this.fine.push(row);
    const since = at - this.newest(this.coarse);
    if (!(since < SPANS['2h'].stepMs - EARLY_MS)) this.coarse.push(row);
    this.track(rules, at);
  }

  /** `now` and `wallNow`: the same moment, monotonic and epoch milliseconds. */
  series(span: Span, now: number, wallNow: number): HistorySeries {
    const ring = span === '10m' ? this.fine : this.coarse;
    const column = (index: number) => Array.from({ length: ring.length }, (_, row) => ring.read(row, index));
    const orNull = (value: number) => (Number.isNaN(value) ? null : value);
    const at = column(Column.AT);
    const rate = (index: number) =>
      column(index).map((value, row, all) =>
        row === 0 ? 0 : ((value - all[row - 1]) * 1000) / (at[row] - at[row - 1]),
      );
    return {
      intervalSeconds: SPANS[span].stepMs / 1000,
      at: at.map((time) => Math.round(wallNow - now + time)),
      countedBytes: column(Column.COUNTED).map(orNull),
      committedBytes: column(Column.COMMITTED).map(orNull),
      limitBytes: column(Column.LIMIT).map(orNull),
      writesPerSecond: rate(Column.WRITES),
      shedPerSecond: rate(Column.SHED),
      rules: [...this.tracks].map(([name, track]) => ({ name, writesPerSecond: track.writesPerSecond() })),
    };
  }

  growth(marks: readonly Mark[]): GrowthReport {
    const memory = measureGrowth(this.memoryPoints(Column.FLOW));
    const nothingRefused = this.demand.refusedBytes === 0;
    const wanted = nothingRefused ? memory : measureGrowth(this.memoryPoints(Column.WANTED));
    const last = this.fine.length - 1;
    const committed = this.fine.read(last, Column.COMMITTED);
    const limit = this.fine.read(last, Column.LIMIT);
    const fills = Number.isFinite(committed) && limit > 0 && !this.evictsAll;
    const passing = (bytes: number) => this.demand.passing(bytes / limit);
    const to = (bytes: number) => timeTo(bytes, committed, wanted, this.errorBytes, passing);
    const rules = this.rates();
    const sum = (field: keyof RuleRates) => rules.reduce((total, rule) => total + rule[field], 0);
    const estimated = sum('growthBytesPerSecond');
    return {
      memory,
      timeToFull: fills ? to(limit) : null,
      timeToFullUnrefused: fills ? timeTo(limit, committed, wanted, this.errorBytes) : null,
      marks: fills ? marks.map((mark) => ({ ...mark, ...to(mark.pressure * limit) })) : [],
      writesPerSecond: sum('writesPerSecond'),
      shedPerSecond: sum('shedPerSecond'),
      estimatedBytesPerSecond: estimated,
      rules: this.ruleGrowth(rules),
    };
  }

  ruleGrowth(rules = this.rates()): RuleGrowth[] {
    const sum = rules.reduce((total, rule) => total + rule.growthBytesPerSecond, 0);
    return rules.map((rule) => ({ ...rule, growthShare: sum > 0 ? rule.growthBytesPerSecond / sum : null }));
  }

  private rates(): (RuleRates & { name: string })[] {
    return [...this.tracks].map(([name, track]) => ({ name, ...track.rates() }));
  }

  private newest(ring: SampleRing): number {
    return ring.read(ring.length - 1, Column.AT);
  }

  /** Sums that stay correct when a rule is removed with its counters, and when both come back. */
  private addUp(rules: readonly RuleTotals[]): void {
    for (const { name, writes, shed } of rules) {
      const before = this.lastTotals.get(name);
      this.writes += Math.max(0, writes - (before?.writes ?? 0));
      this.shed += Math.max(0, shed - (before?.shed ?? 0));
      this.lastTotals.set(name, { writes, shed });
    }
  }

  /** Keeps tracks of the present rules only. */
  private track(rules: readonly RuleTotals[], at: number): void {
    const tracks = new Map<string, RuleTrack>();
    for (const totals of rules) {
      const known = this.tracks.get(totals.name);
      const ttlMs = this.ttlMs(totals.name);
      known?.take(totals, at, ttlMs);
      tracks.set(totals.name, known ?? new RuleTrack(ttlMs, totals, at));
    }
    this.tracks = tracks;
  }

  private memoryPoints(column: number): Point[] {
    const points: Point[] = [];
    for (let row = 0; row < this.fine.length; row++) {
      const value = this.fine.read(row, column);
      if (Number.isFinite(value)) points.push({ at: this.fine.read(row, Column.AT) / 1000, value });
    }
    return points;
  }
}
