// The rows of `spillway stats` and `spillway top`: rules, keys without one, and what changed from one snapshot to the
// next. Computes; reads and draws nothing.
import type { DiscoveredPattern, RuleStats, StatsSnapshot } from '../observe/stats/snapshot.js';

export interface Rates {
  readonly name: string;
  readonly writes: number;
  readonly bytes: number;
  readonly sheds: number;
  /** What observing rules would have shed. */
  readonly wouldShed: number;
  readonly ttls: number;
  readonly total: RuleStats;
}

export const SORTS = ['writes', 'bytes', 'sheds'] as const;
export type Sort = (typeof SORTS)[number];

/** TTLs that Spillway has added or cut. */
export function ttlsOf({ ttlInjected, ttlClamped, followUpsSet }: RuleStats): number {
  return ttlInjected + ttlClamped + followUpsSet;
}

/**
 * Rates by rule between two snapshots, the highest first. If the proxy restarted in between, or there is no earlier
 * snapshot, the rates are those since the start of counting.
 */
export function ratesBetween(before: StatsSnapshot | undefined, after: StatsSnapshot, sort: Sort): Rates[] {
  const same = before?.since === after.since ? before : undefined;
  const seconds = (Date.parse(after.takenAt) - Date.parse(same?.takenAt ?? after.since)) / 1000;
  const earlier = new Map(same && rowsOf(same).map((row) => [row.name, row]));
  const rates = rowsOf(after).map((total): Rates => {
    const from = earlier.get(total.name);
    // A rule that is new in this snapshot may have old counters, so its rate is known only with the next one.
    const at = (read: (row: RuleStats) => number) =>
      from === undefined ? (same === undefined ? 0 : read(total)) : read(from);
    // The counters of a worker that ended are missing for a moment; a rate is never negative.
    const rate = (read: (row: RuleStats) => number) =>
      seconds > 0 ? Math.max(0, read(total) - at(read)) / seconds : 0;
    return {
      name: total.name,
      writes: rate((row) => row.writes),
      bytes: rate((row) => row.bytes),
      sheds: rate((row) => row.shed),
      wouldShed: rate((row) => row.wouldShed),
      ttls: rate(ttlsOf),
      total,
    };
  });
  const by = (row: Rates) => (sort === 'sheds' ? row.sheds + row.wouldShed : row[sort]);
  return rates.sort((a, b) => by(b) - by(a) || b.total.writes - a.total.writes);
}

function rowsOf({ rules, unregistered }: StatsSnapshot): RuleStats[] {
  return [...rules, unregistered];
}

/** The part of a snapshot that matches: rules by name, and discovered patterns by their text. */
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
