// The small truths about rules and TTLs that every kind of write shares.
import { TtlOutcome } from './observer.js';
import type { CompiledRule } from './rule-set.js';

/** Whether keys of this rule are to have a TTL. */
export function givesTtl(rule: CompiledRule): boolean {
  return rule.ttlMs > 0 && !rule.durable;
}

/** Outcome of a write that leaves the key without a TTL, where only a follow-up can give one. */
export function followUpOutcome(rule: CompiledRule, followUps: boolean): TtlOutcome {
  return givesTtl(rule) && followUps ? keptOutcome(rule, followUps) : TtlOutcome.WITHOUT_TTL;
}

/** Outcome of a write that keeps whatever TTL the key has, and so may leave it without one. */
export function keptOutcome(rule: CompiledRule, followUps: boolean): TtlOutcome {
  if (!givesTtl(rule) || !followUps) return TtlOutcome.KEPT;
  return rule.observe ? TtlOutcome.WOULD_INJECT : TtlOutcome.FOLLOW_UP;
}

/** Outcome of a write that carries an expiry, which was longer than the rule allows if `clamped`. */
export function expiryOutcome(rule: CompiledRule, clamped: boolean): TtlOutcome {
  if (!clamped) return TtlOutcome.HAD_TTL;
  return rule.observe ? TtlOutcome.WOULD_CLAMP : TtlOutcome.CLAMPED;
}

/** The TTL to give, jitter applied, never above maxTtl and at least 1 ms. `random`: 0 ≤ r < 1. */
export function drawTtl(rule: CompiledRule, random: () => number): number {
  if (rule.jitter === 0) return rule.ttlMs;
  const drawn = Math.max(1, Math.round(rule.ttlMs * (1 + rule.jitter * (2 * random() - 1))));
  return rule.maxTtlMs > 0 ? Math.min(drawn, rule.maxTtlMs) : drawn;
}
