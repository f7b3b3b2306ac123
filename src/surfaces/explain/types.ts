// What an explanation says, as JSON: the answer of /api/explain and of `spillway explain --json`. Field names are an API.
// Types only. Bytes that are no UTF-8 are shown as their replacement character.
import type { PriorityName } from '../../core/policy/rule.js';

export interface ExplainRequest {
  readonly key: string;
  /** The command's words, its name first; without the key too, which then gets its place. Empty: SET. */
  readonly command: readonly string[];
}

export interface Explanation {
  /** The command that was explained, with the key, and values where none were given. */
  command: string[];
  /**
   * What Spillway takes it for: a `write` that it has a say in; one that Redis refuses by itself (`refused`); any other
   * command (`passed`) and one that no table has (`unknown`), which it forwards as they are.
   */
  kind: 'write' | 'refused' | 'passed' | 'unknown';
  /** One sentence: why it is of this kind. */
  why: string;
  /** The commands that go to Redis where it is not refused: itself, as it is or rewritten, then its follow-ups. */
  sends: string[][];
  /** What goes up differs from what came. */
  changed: boolean;
  /** The keys that it writes, in the order of its arguments. */
  keys: ExplainedKey[];
  /** As it is now; null: offline, nothing is known of memory. */
  now: ExplainedNow | null;
}

export interface ExplainedNow {
  /** Answered with OOM, and nothing sent. */
  shed: boolean;
  /** A rule in observe mode lets pass what it would refuse. */
  wouldShed: boolean;
  /** Used memory over its limit, as last read; null without a limit or a reading. */
  pressure: number | null;
  /** How full memory is made out to be by a rehearsal that is under way; null: none is. */
  rehearsal: number | null;
  /** One sentence: why shedding is on or off. */
  reason: string;
}

export interface ExplainedKey {
  key: string;
  /** null: no rule matches. */
  rule: ExplainedRule | null;
  priority: PriorityName;
  mode: 'enforce' | 'observe';
  /** Rules that were tried before and do not match, in order, and how many more there are. */
  passedOver: { name: string; match: string[] }[];
  passedOverMore: number;
  /** null: the command writes nothing, or is not understood. */
  ttl: ExplainedTtl | null;
  shed: ExplainedShed;
}

export interface ExplainedRule {
  name: string;
  /** Its place in the config, from 1. */
  position: number;
  /** The first of its patterns that matches. */
  match: string;
}

/** Named as the counters of /api/stats. */
export type OutcomeName =
  | 'ttlInjected'
  | 'ttlClamped'
  | 'hadTtl'
  | 'withoutTtl'
  | 'followUp'
  | 'kept'
  | 'wouldInject'
  | 'wouldClamp';

export interface ExplainedTtl {
  outcome: OutcomeName;
  /** The TTL that is (or would be) given, in milliseconds: both ends are alike without jitter; null: none is. */
  givesMs: [least: number, most: number] | null;
  why: string;
}

export interface ExplainedShed {
  /** Whether this command can be refused for this key at all. */
  possible: boolean;
  why: string;
  /** Of the key's priority: pressures at which refusing starts and is full; null: never. */
  band: [start: number, full: number] | null;
  /** The pressure above which this very key is refused, by its hash; null where that is never. */
  keyAbove: number | null;
  /** Refused now, by this key alone; null: offline. In observe mode: would be. */
  now: boolean | null;
}
