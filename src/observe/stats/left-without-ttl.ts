// How many writes left their key without a TTL, as an operator means it: a TTL that a rule only would have given, in observe
// mode, counts as missing. Pure.
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

/** As leftWithoutTtl(), for keys without a rule. */
export function discoveredWithoutTtl({
  hadTtl,
  withoutTtl,
}: Pick<DiscoveredPattern, 'hadTtl' | 'withoutTtl'>): number | null {
  return hadTtl + withoutTtl === 0 ? null : withoutTtl;
}
