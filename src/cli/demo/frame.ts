// A snapshot of both sides of the demo, from which the view and the summary are drawn. Plain data.

import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import type { Tally } from './application.js';
import type { PatternName } from './patterns.js';
import type { ServerReading } from './server-reading.js';

export interface Side {
  tallies: Readonly<Record<PatternName, Tally>>;
  server: ServerReading;
}

export interface Frame {
  elapsedSeconds: number;
  /** Undefined: until it is interrupted. */
  totalSeconds: number | undefined;
  straight: Side;
  spillway: Side;
  /** /api/memory and /api/stats of the proxy. */
  memory: MemorySnapshot;
  stats: StatsSnapshot;
}

/** TTLs that Spillway has added so far. */
export function ttlsGiven(frame: Frame): number {
  return frame.stats.rules.reduce((sum, rule) => sum + rule.ttlInjected + rule.followUpsSet, 0);
}

/** Writes of a pattern that Spillway has refused. `rule` undefined: keys without a rule. */
export function shedOf(stats: StatsSnapshot, rule: string | undefined): number {
  const row = rule === undefined ? stats.unregistered : stats.rules.find(({ name }) => name === rule);
  return row?.shed ?? 0;
}

/** Keys of a pattern that Spillway has evicted. `rule` undefined: keys without a rule, which it leaves alone. */
export function evictedOf(stats: StatsSnapshot, rule: string | undefined): number {
  return stats.rules.find(({ name }) => name === rule)?.evicted ?? 0;
}

/** Sum of one field over all patterns. */
export function total(side: Side, field: keyof Tally): number {
  return Object.values(side.tallies).reduce((sum, tally) => sum + tally[field], 0);
}
