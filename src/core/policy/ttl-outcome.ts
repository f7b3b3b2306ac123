// Outcomes of TTLs that all kinds of writes share.

import type { CompiledRule } from './compiled-rule.js';
import { TtlOutcome } from './observer.js';

/** Whether keys of this rule should have a TTL. */
export function givesTtl(rule: CompiledRule): boolean {
  return rule.ttlMs > 0 && !rule.durable;
}

/** The outcome of a write that leaves the key without a TTL and for which only a follow-up can give one. */
export function followUpOutcome(rule: CompiledRule, followUps: boolean): TtlOutcome {
  return givesTtl(rule) && followUps ? keptOutcome(rule, followUps) : TtlOutcome.WITHOUT_TTL;
}

/** The outcome of a write that keeps the key's TTL, and so may leave it without one. */
export function keptOutcome(rule: CompiledRule, followUps: boolean): TtlOutcome {
  if (!givesTtl(rule) || !followUps) return TtlOutcome.KEPT;
  return rule.observe ? TtlOutcome.WOULD_INJECT : TtlOutcome.FOLLOW_UP;
}

/** The outcome of a write that carries an expiry; `clamped`: it was longer than the rule allows. */
export function expiryOutcome(rule: CompiledRule, clamped: boolean): TtlOutcome {
  if (!clamped) return TtlOutcome.HAD_TTL;
  return rule.observe ? TtlOutcome.WOULD_CLAMP : TtlOutcome.CLAMPED;
}

/** The TTL to give, with jitter, at most maxTtl and at least 1 ms. `random`: 0 ≤ r < 1. */
export function drawTtl(rule: CompiledRule, random: () => number): number {
  if (rule.jitter === 0) return rule.ttlMs;
  const drawn = Math.max(1, Math.round(rule.ttlMs * (1 + rule.jitter * (2 * random() - 1))));
  return rule.maxTtlMs > 0 ? Math.min(drawn, rule.maxTtlMs) : drawn;
}
