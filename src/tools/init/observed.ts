// Derives the TTL of a rule from the TTLs of the existing keys. Pure.
// Invariant: the TTL is never longer than the keys suggest: beyond the longest band it follows the longest TTL seen.
import { DAY_S } from '../../core/units.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { TTL_BANDS } from '../analyze/bands.js';

export interface ObservedTtl {
  /** Share of the keys that have a TTL; above 0. */
  readonly share: number;
  /** The shortest usual duration within which nearly all of them expire, in each of the groups. */
  readonly seconds: number;
}

/** Share of the keys with a TTL that must expire within the suggested one. */
export const COVERED = 0.9;

/** Durations beyond the bands, seconds. */
const LONG = [90 * DAY_S, 180 * DAY_S];
const YEAR = 365 * DAY_S;

/** For groups that share one rule; undefined: no key has a TTL. */
export function observeTtl(groups: readonly GroupAnalysis[]): ObservedTtl | undefined {
  const expiring = groups.filter((group) => bandOfMost(group) >= 0);
  if (expiring.length === 0) return undefined;
  const keys = groups.reduce((sum, group) => sum + group.keys.estimate, 0);
  const withTtl = expiring.reduce((sum, group) => sum + keysWithTtl(group), 0);
  return { share: withTtl / Math.max(keys, withTtl), seconds: Math.max(...expiring.map(usualEnd)) };
}

/** Index of the first of TTL_BANDS by whose end nearly all keys with a TTL expire; -1: no key has one. */
export function bandOfMost(group: GroupAnalysis): number {
  const all = keysWithTtl(group);
  let within = 0;
  return group.ttl.findIndex(({ keys }) => {
    within += keys;
    return within > 0 && within >= COVERED * all;
  });
}

function keysWithTtl({ ttl }: GroupAnalysis): number {
  return ttl.reduce((sum, { keys }) => sum + keys, 0);
}

function usualEnd(group: GroupAnalysis): number {
  const end = TTL_BANDS[bandOfMost(group)];
  if (Number.isFinite(end)) return end;
  const longest = group.longestTtlSeconds ?? 0;
  return LONG.find((seconds) => seconds >= longest) ?? Math.ceil(longest / YEAR) * YEAR;
}
