// Tracks the writes of one rule over the last ten minutes, and estimates how much of them stays in memory. docs/FORECAST.md
// explains the estimate and its error to operators: keep it true.
// For an interval between two readings of the counters:
//   fresh    = payload of writes that add (LPUSH, XADD, HSET …); payload of the others times the share of keys not seen
//              before; and the overhead of each new key
//   expiring = the part of it that carries a TTL
// Growth is `fresh` now minus `expiring` one TTL earlier. The estimate does not see deletes and pops.
// Invariants: cumulative columns never go down; growth is never below 0.
import { SampleRing } from './sample-ring.js';

/** A rule's counters since the start, from the statistics. */
export interface RuleTotals {
  readonly name: string;
  readonly writes: number;
  readonly bytes: number;
  readonly shed: number;
  readonly distinctKeys: number;
  readonly ttlInjected: number;
  readonly ttlClamped: number;
  readonly hadTtl: number;
  readonly followUpsSet: number;
  readonly commands: Readonly<Record<string, number>>;
}

export interface RuleRates {
  /** Over the last TRACK_RATE_MS. */
  writesPerSecond: number;
  bytesPerSecond: number;
  shedPerSecond: number;
  /** Over the last GROWTH_MS: estimated growth, bytes a second. */
  growthBytesPerSecond: number;
}

const ROWS = 120;
const TRACK_INTERVAL_MS = 5000;
const RATE_MS = 10_000;
const GROWTH_MS = 60_000;
/** Overhead of a new key: dict entry, object and string headers. */
const KEY_BYTES = 100;
const Column = { AT: 0, WRITES: 1, BYTES: 2, SHED: 3, FRESH: 4, EXPIRING: 5 } as const;
const WIDTH = 6;

/** Each of these makes its key larger, whether or not it existed; HSET and similar commands may also replace. */
const ADDING = new Set([
  ...[
    'append',
    'lpush',
    'lpushx',
    'rpush',
    'rpushx',
    'linsert',
    'xadd',
    'lmove',
    'rpoplpush',
    'brpoplpush',
    'blmove',
  ],
  ...['hset', 'hsetnx', 'hmset', 'sadd', 'smove', 'zadd', 'geoadd', 'pfadd'],
]);

export class RuleTrack {
  private readonly ring = new SampleRing(ROWS, WIDTH);
  private last: RuleTotals;
  private lastAt: number;
  private readonly firstAt: number;
  private fresh = 0;
  private expiring = 0;

  /** `ttlMs`: the rule's TTL; 0: unknown, or none. `at`: monotonic milliseconds. */
  constructor(
    private ttlMs: number,
    totals: RuleTotals,
    at: number,
  ) {
    this.last = totals;
    this.lastAt = at;
    this.firstAt = at;
    this.push(at, totals);
  }

  /** `ttlMs`: the present TTL; keys that were written under another one are assumed to have it too. */
  take(totals: RuleTotals, at: number, ttlMs: number): void {
    this.ttlMs = ttlMs;
    const { fresh, expiring } = freshBytes(this.last, totals);
    this.fresh += fresh;
    this.expiring += expiring;
    this.last = totals;
    this.lastAt = at;
    const newest = this.ring.read(this.ring.length - 1, Column.AT);
    if (at - newest >= TRACK_INTERVAL_MS) this.push(at, totals);
  }

  rates(): RuleRates {
    const { last, lastAt, ring } = this;
    const row = Math.max(0, ring.lastUpTo(lastAt - RATE_MS));
    const seconds = (lastAt - ring.read(row, Column.AT)) / 1000;
    const since = (now: number, column: number) =>
      seconds > 0 ? Math.max(0, now - ring.read(row, column)) / seconds : 0;
    return {
      writesPerSecond: since(last.writes, Column.WRITES),
      bytesPerSecond: since(last.bytes, Column.BYTES),
      shedPerSecond: since(last.shed, Column.SHED),
      growthBytesPerSecond: this.growth(),
    };
  }

  /** Writes a second between one row and the next, oldest first. */
  writesPerSecond(): number[] {
    return Array.from({ length: this.ring.length - 1 }, (_, row) => {
      const written = this.ring.read(row + 1, Column.WRITES) - this.ring.read(row, Column.WRITES);
      const elapsed = this.ring.read(row + 1, Column.AT) - this.ring.read(row, Column.AT);
      return (Math.max(0, written) * 1000) / elapsed;
    });
  }

  private growth(): number {
    const from = Math.max(this.firstAt, this.lastAt - GROWTH_MS);
    const seconds = (this.lastAt - from) / 1000;
    if (seconds <= 0) return 0;
    const added = this.fresh - this.at(from, Column.FRESH);
    const freed =
      this.ttlMs > 0
        ? this.at(this.lastAt - this.ttlMs, Column.EXPIRING) - this.at(from - this.ttlMs, Column.EXPIRING)
        : 0;
    return Math.max(0, added - freed) / seconds;
  }

  /** A cumulative column at a given time: interpolated between rows, and before the oldest row by the mean up to it. */
  private at(time: number, column: typeof Column.FRESH | typeof Column.EXPIRING): number {
    const { ring, firstAt } = this;
    if (time <= firstAt) return 0;
    const row = ring.lastUpTo(time);
    const [a, valueA] = row < 0 ? [firstAt, 0] : [ring.read(row, Column.AT), ring.read(row, column)];
    const next = row + 1;
    const now = column === Column.FRESH ? this.fresh : this.expiring;
    const [b, valueB] =
      next < ring.length ? [ring.read(next, Column.AT), ring.read(next, column)] : [this.lastAt, now];
    return b > a ? valueA + ((valueB - valueA) * Math.min(time - a, b - a)) / (b - a) : valueB;
  }

  private push(at: number, { writes, bytes, shed }: RuleTotals): void {
    this.ring.push([at, writes, bytes, shed, this.fresh, this.expiring]);
  }
}

/** Bytes added by the writes between two readings of a rule's counters, and how many of them will expire. */
export function freshBytes(before: RuleTotals, after: RuleTotals): { fresh: number; expiring: number } {
  const writes = after.writes - before.writes;
  const bytes = after.bytes - before.bytes;
  if (writes <= 0 || bytes <= 0) return { fresh: 0, expiring: 0 };
  const adding = Math.min(writes, count(after, ADDING) - count(before, ADDING));
  const others = writes - adding;
  const newKeys = Math.min(writes, Math.max(0, after.distinctKeys - before.distinctKeys));
  const kept = adding + Math.min(others, newKeys);
  const fresh = (bytes * kept) / writes + KEY_BYTES * newKeys;
  const withTtl = carryTtl(after) - carryTtl(before);
  return { fresh, expiring: fresh * Math.min(1, Math.max(0, withTtl / writes)) };
}

function count({ commands }: RuleTotals, names: ReadonlySet<string>): number {
  let sum = 0;
  for (const name in commands) if (names.has(name)) sum += commands[name];
  return sum;
}

function carryTtl({ ttlInjected, ttlClamped, hadTtl, followUpsSet }: RuleTotals): number {
  return ttlInjected + ttlClamped + hadTtl + followUpsSet;
}
