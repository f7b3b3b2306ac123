// The TTL that a sweep gives: the rule's, jitter applied, and longer by up to a share of it, so that keys that get theirs
// in one go do not all end at once. Invariant: never above the rule's maxTtl, which bounds what clients may give, too.
import type { CompiledRule } from '../../core/policy/rule-set.js';
import { drawTtl } from '../../core/policy/ttl-outcome.js';

/**
 * Whole milliseconds.
 * @param spread 0 … 1
 * @param random 0 ≤ r < 1
 * @param mostMs in place of a rule's TTL that is longer
 */
export function drawSweptTtl(
  rule: CompiledRule,
  spread: number,
  random: () => number,
  mostMs = Number.POSITIVE_INFINITY,
): number {
  const shortened = rule.ttlMs > mostMs ? { ...rule, ttlMs: mostMs } : rule;
  const ttlMs = drawTtl(shortened, random) + Math.round(shortened.ttlMs * spread * random());
  return rule.maxTtlMs > 0 ? Math.min(ttlMs, rule.maxTtlMs) : ttlMs;
}
