// The JSON of an explanation: the answer of /api/explain and of `spillway explain --json`. Field names are an API.
// Types only. Bytes that are not UTF-8 are shown as the replacement character.
import type { RefusalName } from '../../core/policy/refusal.js';
import type { PriorityName } from '../../core/policy/rule.js';
import type { SparedName } from '../../core/policy/spared.js';
import type { BudgetMethod } from '../../memory/snapshot.js';

export interface ExplainRequest {
  readonly key: string;
  /** The words of the command, its name first. If they do not contain the key, it is put in its place. Empty: SET. */
  readonly command: readonly string[];
  /** The database in which it is sent; default 0. */
  readonly db?: number | undefined;
  /** The user who sends it; default "default". */
  readonly user?: string | undefined;
}

export interface Explanation {
  /** The command that was explained, with the key, and with values that were left out. */
  command: string[];
  /** The database and the user that were assumed. */
  db: number;
  user: string;
  /**
   * `write`: a governed write. `refused`: Redis refuses it. `passed`: any other command. `unknown`: a command that is not in
   * Spillway's table. All but `write` pass unchanged.
   */
  kind: 'write' | 'refused' | 'passed' | 'unknown';
  /** One sentence: why it is of this kind. */
  why: string;
  /** The commands that Spillway sends if it does not refuse this one: the command, perhaps rewritten, and its follow-ups. */
  sends: string[][];
  /** Whether the bytes sent differ from the client's. */
  changed: boolean;
  /** The keys that it writes, in the order of its arguments. */
  keys: ExplainedKey[];
  /** The outcome under the present pressure; null: offline, so nothing is known about memory. */
  now: ExplainedNow | null;
}

export interface ExplainedNow {
  /** Spillway answers OOM and sends nothing. */
  shed: boolean;
  /** It passes because the rule only observes; otherwise it would be refused. */
  wouldShed: boolean;
  /** Why it is refused, or would be; null: it is not. */
  refused: ExplainedRefusal | null;
  /** Used memory over its limit, as last read; null without a limit or a reading. */
  pressure: number | null;
  /** The pressure of a current rehearsal; null: there is none. */
  rehearsal: number | null;
  /** One sentence: why shedding is on or off. */
  reason: string;
}

export interface ExplainedRefusal {
  /** The key that decides. */
  key: string;
  /** As in /api/stats and in the metrics. */
  reason: RefusalName;
  /** Ends a sentence that begins with "refused:". */
  why: string;
}

export interface ExplainedKey {
  key: string;
  /** null: no rule matches. */
  rule: ExplainedRule | null;
  priority: PriorityName;
  mode: 'enforce' | 'observe';
  /** Earlier rules that do not match, or do not apply to the database or user, in order, and how many more there are. */
  passedOver: ExplainedOther[];
  passedOverMore: number;
  /** null: the command writes nothing, or is invalid. */
  ttl: ExplainedTtl | null;
  shed: ExplainedShed;
  /** null: its rule has no limit. */
  limit: ExplainedLimit | null;
  /** null: its rule has no budget. */
  budget: ExplainedBudget | null;
  /** When Spillway would evict it to make room; null: never. */
  evict: string | null;
}

export interface ExplainedOther {
  name: string;
  match: string[];
  /** The databases or users to which the rule applies; null: all. */
  db: number[] | null;
  user: string[] | null;
}

export interface ExplainedRule {
  name: string;
  /** Its place in the config, from 1; null: it is built-in. */
  position: number | null;
  /** The job system whose keys it is for; null: none. */
  family: string | null;
  /** The first of its patterns that matches. */
  match: string;
}

/** The names of the counters in /api/stats. */
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
  /** The range of the TTL that it gets or would get, in milliseconds; both ends are equal without jitter; null: none. */
  givesMs: [least: number, most: number] | null;
  why: string;
}

export interface ExplainedShed {
  /** Whether this command can be refused for this key at all. */
  possible: boolean;
  why: string;
  /** The pressures at which refusals of the key's priority start and are complete, now that `reserved` is taken off; null: never. */
  band: [start: number, full: number] | null;
  /** Share of the limit that is kept from the key's priority for higher ones; 0 offline. */
  reserved: number;
  /** The tag in braces in the key, as in Redis Cluster: keys with the same tag are refused together; null: no tag. */
  tag: string | null;
  /** The pressure above which this very key is refused, by the hash of its tag or of the key; null: never. */
  keyAbove: number | null;
  /** Whether this key is refused now, or in observe mode would be; null: offline. */
  now: boolean | null;
  /** Why; null: it is not, or unknown. */
  reason: RefusalName | null;
  /** Why it passes although the key is among those that are refused now; null: it is not among them, or unknown. */
  spared: ExplainedSparing | null;
}

export interface ExplainedSparing {
  /** As in /api/stats and in the metrics. */
  reason: SparedName;
  /** Ends a sentence that begins with "spared:". */
  why: string;
}

/** The `limit` of a rule; null: it does not set that. */
export interface ExplainedLimit {
  writes: ExplainedRate | null;
  bytes: ExplainedRate | null;
  /** Bytes of the largest write. */
  value: number | null;
  /** The error that refused writes get. */
  error: string;
}

export interface ExplainedRate {
  perSecond: number;
  /** What may be written at once now; below 0: the overdraft; null: offline. */
  left: number | null;
}

/** The `budget` of a rule, as in /api/memory. All but `setting` are null offline. */
export interface ExplainedBudget {
  /** As in the configuration. */
  setting: string;
  budgetBytes: number | null;
  heldBytes: number | null;
  refusedShare: number | null;
  method: BudgetMethod | null;
}
