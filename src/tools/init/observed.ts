// What the TTLs of keys tell of the one that their rule should give. Pure.
// Invariant: no end is told that was not seen: what is longer than all bands goes by the longest TTL there is.
import type { GroupAnalysis } from '../analyze/analysis.js';
import { TTL_BANDS } from '../analyze/bands.js';

export interface ObservedTtl {
  /** Of the keys, how many have a TTL; above 0. */
  readonly share: number;
  /** The shortest usual duration within which nearly all of those end, in each of the groups. */
  readonly seconds: number;
}

/** Of the keys that have a TTL, how many must end within the one that is suggested. */
export const COVERED = 0.9;

const DAY = 86_400;
/** Longer than the bands; seconds. */
const LONG = [90 * DAY, 180 * DAY];
const YEAR = 365 * DAY;

/** Of groups that get one rule; undefined: no key has a TTL. */
export function observeTtl(groups: readonly GroupAnalysis[]): ObservedTtl | undefined {
  const expiring = groups.filter((group) => bandOfMost(group) >= 0);
  if (expiring.length === 0) return undefined;
  const keys = groups.reduce((sum, group) => sum + group.keys.estimate, 0);
  const withTtl = expiring.reduce((sum, group) => sum + keysWithTtl(group), 0);
  return { share: withTtl / Math.max(keys, withTtl), seconds: Math.max(...expiring.map(usualEnd)) };
}

/** Which of TTL_BANDS nearly all end in that have a TTL, or before; -1: none has one. */
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
