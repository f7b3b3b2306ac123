// How many writes left their key without a TTL, as people ask it: what a rule in observe mode only would have given is missing,
// too. Pure.
import type { DiscoveredPattern, RuleStats } from './snapshot.js';

/** null: its writes say nothing, because they only keep the TTL that their key has (HSET, LPUSH, INCR …). */
export function leftWithoutTtl({
  writes,
  kept,
  withoutTtl,
  wouldInject,
}: Pick<RuleStats, 'writes' | 'kept' | 'withoutTtl' | 'wouldInject'>): number | null {
  return writes > 0 && writes === kept ? null : withoutTtl + wouldInject;
}

/** As leftWithoutTtl(), of keys without a rule. */
export function discoveredWithoutTtl({
  hadTtl,
  withoutTtl,
}: Pick<DiscoveredPattern, 'hadTtl' | 'withoutTtl'>): number | null {
  return hadTtl + withoutTtl === 0 ? null : withoutTtl;
}
