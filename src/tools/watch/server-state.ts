// The state of one server: its thresholds, whether it will be full soon, refuses writes, or is away. Owns the readings of the
// last minutes. Pure; the clock comes with each call.
// Invariants: while the server is away, the rest of its state does not change; at most MOST_POINTS readings are kept.

import { type Applicability, judgeApplicability } from '../../memory/applicability.js';
import { evictableOf } from '../../memory/evictable.js';
import { countedBytes } from '../../memory/reading.js';
import { FullSoon } from '../../observe/alerts/full-soon.js';
import { Lasting } from '../../observe/alerts/lasting.js';
import { measureGrowth, type TimeTo, timeTo, WINDOW_SECONDS } from '../../observe/history/forecast.js';
import type { Point } from '../../observe/history/slope.js';
import type { Look } from './look.js';
import { Thresholds } from './thresholds.js';

export interface WatchOptions {
  /** Shares of the limit, rising. */
  readonly thresholds: readonly number[];
  /** 0: no forecast is reported. */
  readonly timeToFullMs: number;
  /** How long the forecast must have said so, or refusals must be over, before that is reported. */
  readonly holdMs: number;
  /** The limit that the user set, if it is lower than maxmemory or there is no maxmemory; bytes. */
  readonly limitBytes: number | undefined;
}

export interface Situation {
  /** "gone": it is no longer a primary. */
  readonly reach: 'here' | 'away' | 'gone';
  /** How many thresholds are reached. */
  readonly level: number;
  readonly fullSoon: boolean;
  /** Redis has just refused writes for lack of memory. */
  readonly refusing: boolean;
}

export interface Seen {
  /** host:port, or the socket's path. */
  readonly server: string;
  readonly situation: Situation;
  /** Why it is away, in words. */
  readonly problem: string | undefined;
  /** From the last look; undefined: there was none yet. */
  readonly look: Look | undefined;
  /** Bytes; null: there is no limit. */
  readonly limitBytes: number | null;
  /** The share of it that is in use, without what volatile-* can evict. */
  readonly pressure: number | null;
  /** null: not at the growth of the last minutes. */
  readonly timeToFull: TimeTo | null;
  /** Whether being full is a problem: the server does not evict then, or cannot. */
  readonly mayFill: boolean;
}

/** The state that is assumed before the first report. */
export const CALM: Situation = { reach: 'here', level: 0, fullSoon: false, refusing: false };

const MOST_POINTS = 200;

export class ServerState {
  private readonly thresholds: Thresholds;
  private soon = new FullSoon();
  private refusals = new Lasting(1);
  private points: Point[] = [];
  private last: Seen;

  constructor(
    server: string,
    private readonly options: WatchOptions,
  ) {
    this.thresholds = new Thresholds(options.thresholds);
    this.last = {
      server,
      situation: CALM,
      problem: undefined,
      look: undefined,
      limitBytes: null,
      pressure: null,
      timeToFull: null,
      mayFill: false,
    };
  }

  /** `now`: monotonic milliseconds. */
  see(look: Look, now: number): Seen {
    const { holdMs, limitBytes: own } = this.options;
    if (this.last.look !== undefined && this.last.look.run !== look.run) this.beginAnew();
    const refused = this.refusedSince(look);
    const refusing = this.refusals.see(refused > 0 ? 1 : 0, now, 0, holdMs) === 1;
    const judged = judgeApplicability(
      look.memory,
      look.keyspace,
      { shedWhen: 'auto', limitBytes: own },
      refusing,
    );
    const committed = countedBytes(look.memory) - takenBack(look, judged, now);
    this.remember(committed, now);
    const limitBytes = judged.limitBytes > 0 ? judged.limitBytes : null;
    const pressure = limitBytes === null ? null : committed / limitBytes;
    const mayFill = judged.applies;
    const forecast = limitBytes === null ? null : timeTo(limitBytes, committed, measureGrowth(this.points));
    const timeToFull = forecast?.seconds == null ? null : forecast;
    const ms = mayFill && timeToFull?.seconds != null ? timeToFull.seconds * 1000 : Number.POSITIVE_INFINITY;
    const fullSoon = this.soon.see(ms, this.options, now);
    const level = this.thresholds.see(mayFill && pressure !== null ? pressure : 0);
    const { server } = this.last;
    const situation: Situation = { reach: 'here', level, fullSoon, refusing };
    this.last = {
      server,
      situation,
      problem: undefined,
      look,
      limitBytes,
      pressure,
      timeToFull,
      mayFill,
    };
    return this.last;
  }

  miss(problem: string): Seen {
    this.last = { ...this.last, problem, situation: { ...this.last.situation, reach: 'away' } };
    return this.last;
  }

  /** The last report about it. */
  leave(): Seen {
    return { ...this.last, problem: undefined, situation: { ...CALM, reach: 'gone' } };
  }

  private refusedSince({ run, oomErrors }: Look): number {
    const before = this.last.look;
    if (before === undefined) return 0;
    // A restart or CONFIG RESETSTAT counts from zero.
    return before.run === run && oomErrors >= before.oomErrors ? oomErrors - before.oomErrors : oomErrors;
  }

  /** The time before a restart says nothing about refusals or growth now. */
  private beginAnew(): void {
    this.refusals = new Lasting(1);
    this.soon = new FullSoon();
    this.points = [];
  }

  private remember(used: number, now: number): void {
    const at = now / 1000;
    this.points.push({ at, value: used });
    this.points = this.points.filter((point) => point.at >= at - WINDOW_SECONDS).slice(-MOST_POINTS);
  }
}

/**
 * A rough estimate, from the share of keys with a TTL: watch samples no keys. With allkeys-* memory is shown as it is, and is
 * no problem.
 */
function takenBack({ memory, keyspace }: Look, { evictionCounts }: Applicability, now: number): number {
  const evictable = evictableOf(memory, keyspace, undefined, now);
  return evictionCounts && evictable.eviction === 'volatile' ? evictable.bytes : 0;
}
