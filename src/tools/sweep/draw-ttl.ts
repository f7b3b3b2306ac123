// The TTL that a sweep gives: the rule's TTL with its jitter, made longer by up to a share of itself, so that keys that get
// their TTLs together do not expire together. Invariant: it never exceeds the rule's maxTtl, which also bounds clients.
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import { drawTtl } from '../../core/policy/ttl-outcome.js';

/**
 * Whole milliseconds.
 * @param spread 0 … 1
 * @param random 0 ≤ r < 1
 * @param mostMs replaces a rule's TTL that is longer
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
