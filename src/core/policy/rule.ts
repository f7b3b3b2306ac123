// A compiled rule, made by config/compile from an entry of `rules`, as the policy reads it on the hot path.
// Immutable; a reload makes new rules and replaces the whole set.
import type { FamilyName } from './families.js';
import type { RuleScope } from './rule-views.js';

/** Order matters: a lower number is shed earlier. */
export const Priority = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 } as const;
export type Priority = (typeof Priority)[keyof typeof Priority];
export const PRIORITY_NAMES = ['low', 'normal', 'high', 'critical'] as const;
export type PriorityName = (typeof PRIORITY_NAMES)[number];

/** How fast the keys of a rule may be written, all workers together; 0: no such limit. */
export interface RuleLimit {
  readonly writesPerSecond: number;
  readonly bytesPerSecond: number;
  /** The largest single write, bytes on the wire. */
  readonly valueBytes: number;
  /** The error that a refused client gets, without `-` and line end; undefined: Redis's OOM. */
  readonly error: string | undefined;
}

/** The memory that the keys of a rule may hold: bytes, or a share of the limit that pressure is measured against. */
export type RuleBudget = { readonly bytes: number } | { readonly share: number };

export interface Rule extends RuleScope {
  readonly name: string;
  /** Row of the per-rule counters: 0 is "unregistered", rules start at 1. */
  readonly slot: number;
  /** Redis globs as bytes; the first rule with a matching one wins. */
  readonly globs: readonly Uint8Array[];
  /** Injected TTL in milliseconds; 0: none. */
  readonly ttlMs: number;
  /** Longest explicit TTL in milliseconds; 0: no limit. */
  readonly maxTtlMs: number;
  /** Share of ttlMs by which an injected TTL varies, both ways: 0 … 1. */
  readonly jitter: number;
  /** The keys are durable: they get no TTL. */
  readonly durable: boolean;
  readonly priority: Priority;
  /** true: decide and count, change nothing. */
  readonly observe: boolean;
  /** true: every command that can create the key gets the TTL; false: string writes only. */
  readonly applyToAll: boolean;
  /** true: each write renews the TTL that the rule gave. */
  readonly renew: boolean;
  /** true: its keys can be recreated, so Spillway may evict them to make room. */
  readonly evict?: boolean | undefined;
  readonly limit?: RuleLimit | undefined;
  readonly budget?: RuleBudget | undefined;
  /** Scripts that name a key of it are refused, as its growing writes are. */
  readonly refusesScripts: boolean;
  /** After a script, the keys that it names get the TTL. */
  readonly scriptTtl: boolean;
  /** The family whose globs it has, after its own. */
  readonly family?: FamilyName | undefined;
  /** A built-in rule for a family, not one of the config. */
  readonly builtIn?: boolean | undefined;
}
