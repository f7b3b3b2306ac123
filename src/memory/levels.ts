// The level of each priority in three steps, as reported to the log, the events and the API.
// Invariants: a level rises at once. It also falls at once, with two exceptions: it rose by growth alone, which comes and goes
// with each reading, or by the reserve, which follows rates. Then it falls when it has not been reached for a while. Its fall
// has the cause of its rise, unless something else ended it.
import type { Priority } from '../core/policy/rule.js';

export type Level = 'open' | 'partial' | 'full';

/** The reason for a level, or for its end. */
export type Cause =
  | 'reading'
  | 'growth since the reading'
  /** Room is kept for the growth of higher priorities; by its band alone the level would be lower. */
  | 'reserve'
  | 'upstream OOM'
  | 'stale reading'
  | 'not applicable'
  | 'configuration'
  | 'rehearsal'
  /** A command has passed that may free memory or change its limit: nothing is refused until a reading shows the result. */
  | 'relief'
  | 'no reading yet';

const RANK: Readonly<Record<Level, number>> = { open: 0, partial: 1, full: 2 };
/** A level that rose by growth alone, or by the reserve, is reported as fallen when it has not been reached for this time. */
const SETTLED_MS = { growth: 1000, reserve: 5000 } as const;

export function levelOf(share: number): Level {
  if (share === 0) return 'open';
  return share === 1 ? 'full' : 'partial';
}

export function isAbove(level: Level, other: Level): boolean {
  return RANK[level] > RANK[other];
}

/** The reasons for a level now. */
export interface Standing {
  /** By the reading alone it would be lower. */
  readonly byGrowth: boolean;
  /** By its band alone it would be lower. */
  readonly byReserve: boolean;
  /** What has happened; undefined: only time has passed, or growth. */
  readonly trigger: Cause | undefined;
  readonly cause: Cause;
  /** It falls at once, whatever its reason: nothing is refused any longer. */
  readonly atOnce: boolean;
}

export class Levels {
  changes = 0;
  /** By priority, as reported. */
  readonly told: Level[] = ['open', 'open', 'open', 'open'];
  /** By priority: when the reported level was last reached, how long it takes to settle, and why it rose. */
  private readonly reachedAt = [0, 0, 0, 0];
  private readonly settleMs = [0, 0, 0, 0];
  private readonly causes: Cause[] = ['reading', 'reading', 'reading', 'reading'];

  /** The level of `priority` now. Returns the change to report; undefined: none. */
  see(
    priority: Priority,
    to: Level,
    { byGrowth, byReserve, trigger, cause, atOnce }: Standing,
    now: number,
  ): { readonly from: Level; readonly cause: Cause } | undefined {
    const from = this.told[priority];
    const settleMs = byReserve ? SETTLED_MS.reserve : byGrowth ? SETTLED_MS.growth : 0;
    if (!isAbove(from, to)) this.reached(priority, settleMs, now);
    else if (!atOnce && now - this.reachedAt[priority] < this.settleMs[priority]) return undefined;
    if (from === to) return undefined;
    this.told[priority] = to;
    this.changes++;
    const rises = isAbove(to, from);
    const why = byGrowth
      ? 'growth since the reading'
      : byReserve
        ? 'reserve'
        : (trigger ?? (rises ? cause : this.causes[priority]));
    if (rises) this.causes[priority] = why;
    this.reached(priority, settleMs, now);
    return { from, cause: why };
  }

  private reached(priority: Priority, settleMs: number, now: number): void {
    this.reachedAt[priority] = now;
    this.settleMs[priority] = settleMs;
  }
}
