// The rows of `spillway stats` and `spillway top`: rules, keys without one, and what changed from one snapshot to the
// next. Computes; reads and draws nothing.
import type { DiscoveredPattern, RuleStats, StatsSnapshot } from '../observe/stats/snapshot.js';

export interface Rates {
  readonly name: string;
  readonly writes: number;
  readonly bytes: number;
  readonly sheds: number;
  readonly ttls: number;
  readonly total: RuleStats;
}

export const SORTS = ['writes', 'bytes', 'sheds'] as const;
export type Sort = (typeof SORTS)[number];

/** TTLs that Spillway has given, or cut. */
export function ttlsOf({ ttlInjected, ttlClamped, followUpsSet }: RuleStats): number {
  return ttlInjected + ttlClamped + followUpsSet;
}

/**
 * By rule, a second: from one snapshot to the next, the most first. Where the proxy has started anew in between, or
 * there is no earlier one, from the start of counting.
 */
export function ratesBetween(before: StatsSnapshot | undefined, after: StatsSnapshot, sort: Sort): Rates[] {
  const same = before?.since === after.since ? before : undefined;
  const seconds = (Date.parse(after.takenAt) - Date.parse(same?.takenAt ?? after.since)) / 1000;
  const earlier = new Map(same && rowsOf(same).map((row) => [row.name, row]));
  const rates = rowsOf(after).map((total): Rates => {
    const from = earlier.get(total.name);
    // One that was not there before may have been so earlier, and has its counters back: how fast, the next look tells.
    const at = (read: (row: RuleStats) => number) =>
      from === undefined ? (same === undefined ? 0 : read(total)) : read(from);
    // Figures of a worker that died are missing for a moment: nothing is ever written a negative number of times.
    const rate = (read: (row: RuleStats) => number) =>
      seconds > 0 ? Math.max(0, read(total) - at(read)) / seconds : 0;
    return {
      name: total.name,
      writes: rate((row) => row.writes),
      bytes: rate((row) => row.bytes),
      sheds: rate((row) => row.shed + row.wouldShed),
      ttls: rate(ttlsOf),
      total,
    };
  });
  return rates.sort((a, b) => b[sort] - a[sort] || b.total.writes - a.total.writes);
}

function rowsOf({ rules, unregistered }: StatsSnapshot): RuleStats[] {
  return [...rules, unregistered];
}

/** What of a snapshot a pattern picks: rules by name, and families of keys by their own pattern. */
export interface Picked {
  readonly rules: readonly RuleStats[];
  readonly discovered: readonly DiscoveredPattern[];
}

/** `matches`: undefined picks all. */
export function pick(stats: StatsSnapshot, matches: ((name: string) => boolean) | undefined): Picked {
  if (matches === undefined) return { rules: rowsOf(stats), discovered: stats.discovered };
  return {
    rules: rowsOf(stats).filter(({ name }) => matches(name)),
    discovered: stats.discovered.filter(({ pattern }) => matches(pattern)),
  };
}
