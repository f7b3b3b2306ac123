// What becomes of readings of one server's memory: which threshold it is over, when it will be full, and what of that
// somebody should be told. Pure; the clock comes with each call (monotonic milliseconds).
//
//   a level that rises is told at once, one that falls once it has been lower for `holdMs`
//   full soon: within `timeToFullMs` for two readings; no longer: beyond one and a half of it, or not at all
//   lost: the server does not answer; back: it does again. Both once.
//
// Invariant: nothing is told twice in a row; of a server without a limit only that is told.
import { Lasting } from '../alerts/lasting.js';
import { measureGrowth, timeTo } from '../history/forecast.js';
import type { Point } from '../history/slope.js';
import type { Reading } from '../memory/reading.js';

export interface WatchOptions {
  /** Shares of the limit, rising, at least one. */
  readonly thresholds: readonly number[];
  /** 0: not told. */
  readonly timeToFullMs: number;
  readonly holdMs: number;
}

export interface Seen {
  /** null: there is no limit. */
  readonly pressure: number | null;
  readonly usedBytes: number;
  /** 0: none. */
  readonly limitBytes: number;
  /** null: not at the growth of the last minutes, or not known yet. */
  readonly timeToFullSeconds: number | null;
  /** How many thresholds it is over, as told. */
  readonly level: number;
}

export type WatchEvent =
  | { readonly event: 'level'; readonly from: number; readonly to: number }
  | { readonly event: 'timeToFull'; readonly soon: boolean }
  | { readonly event: 'limit'; readonly limited: boolean }
  | { readonly event: 'lost'; readonly reason: string }
  | { readonly event: 'back' };

const MOST_POINTS = 240;
const BEYOND = 1.5;
/** Readings that agree. */
const SURE = 2;

export class Watcher {
  private readonly points: Point[] = [];
  private readonly levels: Lasting;
  private level = 0;
  private soon = false;
  private agreeing = 0;
  private limited = true;
  private lostFor: string | undefined;

  constructor(private readonly options: WatchOptions) {
    this.levels = new Lasting(options.thresholds.length);
  }

  /** The server does not answer. */
  lost(reason: string): WatchEvent[] {
    if (this.lostFor !== undefined) return [];
    this.lostFor = reason;
    return [{ event: 'lost', reason }];
  }

  see(
    { usedBytes, notCountedBytes, maxmemoryBytes }: Reading,
    now: number,
  ): { seen: Seen; events: WatchEvent[] } {
    const events: WatchEvent[] = [];
    if (this.lostFor !== undefined) {
      this.lostFor = undefined;
      // What was before may have been another process.
      this.points.length = 0;
      events.push({ event: 'back' });
    }
    const counted = usedBytes - notCountedBytes;
    const limited = maxmemoryBytes > 0;
    if (limited !== this.limited) events.push({ event: 'limit', limited });
    this.limited = limited;
    const pressure = limited ? counted / maxmemoryBytes : null;
    this.points.push({ at: now / 1000, value: counted });
    if (this.points.length > MOST_POINTS) this.points.shift();
    const { seconds } = limited
      ? timeTo(maxmemoryBytes, counted, measureGrowth(this.points))
      : { seconds: null };
    this.seeLevel(pressure ?? 0, now, events);
    this.seeTime(seconds, events);
    const { level } = this;
    return {
      seen: { pressure, usedBytes, limitBytes: maxmemoryBytes, timeToFullSeconds: seconds, level },
      events,
    };
  }

  private seeLevel(pressure: number, now: number, events: WatchEvent[]): void {
    const rank = this.options.thresholds.filter((threshold) => pressure >= threshold).length;
    const level = this.levels.see(rank, now, 0, this.options.holdMs);
    if (level !== this.level) events.push({ event: 'level', from: this.level, to: level });
    this.level = level;
  }

  private seeTime(seconds: number | null, events: WatchEvent[]): void {
    const { timeToFullMs } = this.options;
    if (timeToFullMs === 0) return;
    const bound = (timeToFullMs / 1000) * (this.soon ? BEYOND : 1);
    const soon = seconds !== null && seconds <= bound;
    this.agreeing = soon === this.soon ? 0 : this.agreeing + 1;
    if (this.agreeing < SURE) return;
    this.agreeing = 0;
    this.soon = soon;
    events.push({ event: 'timeToFull', soon });
  }
}
