// A rule as the hot path uses it, and the rules that stand for "no rule" and for "not known which". Immutable.
import { encodePx } from '../resp/encode.js';
import { Priority, type Rule } from './rule.js';

/** A rule with its precomputed parts. */
export interface CompiledRule extends Rule {
  /** The arguments `PX <ttl>`, encoded; undefined with jitter (then they are made for each write) or without a ttl. */
  readonly pxSuffix: Uint8Array | undefined;
  /** It has a limit or a budget: its slot has a quota. */
  readonly limited: boolean;
  readonly evict: boolean;
}

/** Which priority and mode keys have that no rule matches. */
export interface Unregistered {
  readonly priority: Priority;
  readonly observe: boolean;
}

export function compileRule(rule: Rule): CompiledRule {
  return {
    ...rule,
    pxSuffix: rule.ttlMs > 0 && rule.jitter === 0 ? encodePx(rule.ttlMs) : undefined,
    limited: rule.limit !== undefined || rule.budget !== undefined,
    evict: rule.evict ?? false,
  };
}

/** Stands for "no rule": slot 0, no TTL, neither durable nor limited. */
export function unregisteredRule(unregistered: Unregistered): CompiledRule {
  return {
    name: 'unregistered',
    slot: 0,
    globs: [],
    ttlMs: 0,
    maxTtlMs: 0,
    jitter: 0,
    durable: false,
    applyToAll: false,
    ...{ refusesScripts: false, scriptTtl: false },
    renew: false,
    evict: false,
    pxSuffix: undefined,
    limited: false,
    ...unregistered,
  };
}

/** Stands for a rule that may or may not apply: no TTL, never refused. */
export function unsureRule(unregistered: Unregistered): CompiledRule {
  return { ...unregisteredRule(unregistered), priority: Priority.CRITICAL };
}
