// The level of each priority in three steps, as reported to the log, the events and the API.
// Invariants: a level rises at once. It also falls at once, unless it rose by growth alone, which comes and goes with each
// reading, or by the reserve, which follows rates: then it falls once it has not been reached for a while. Its fall has the
// cause of its rise, unless something else ended it.
import type { Priority } from '../core/policy/rule.js';

export type Level = 'open' | 'partial' | 'full';

/** What a level stands on, or what ended it. */
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
  /** A command has passed that may free memory or change its limit: nothing is refused until a reading shows it. */
  | 'relief'
  | 'no reading yet';

const RANK: Readonly<Record<Level, number>> = { open: 0, partial: 1, full: 2 };
/** A level that stood on growth alone, or on the reserve, is told to have fallen when it has not been reached for so long. */
const SETTLED_MS = { growth: 1000, reserve: 5000 } as const;

export function levelOf(share: number): Level {
  if (share === 0) return 'open';
  return share === 1 ? 'full' : 'partial';
}

export function isAbove(level: Level, other: Level): boolean {
  return RANK[level] > RANK[other];
}

/** What a level stands on now. */
export interface Standing {
  /** It would be lower by what was read. */
  readonly byGrowth: boolean;
  /** It would be lower by its band alone. */
  readonly byReserve: boolean;
  /** What has come about; undefined: only time has passed, or growth. */
  readonly trigger: Cause | undefined;
  readonly cause: Cause;
  /** It falls at once, whatever it stood on: nothing is refused any more. */
  readonly atOnce: boolean;
}

export class Levels {
  changes = 0;
  /** By priority, as told. */
  readonly told: Level[] = ['open', 'open', 'open', 'open'];
  /** By priority: when the told level was last reached, how long it takes to settle, and what it rose by. */
  private readonly reachedAt = [0, 0, 0, 0];
  private readonly settleMs = [0, 0, 0, 0];
  private readonly causes: Cause[] = ['reading', 'reading', 'reading', 'reading'];

  /** Where the level of `priority` is now. Returns what is to be told of it; undefined: nothing. */
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
