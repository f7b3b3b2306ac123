// The counts of a sweep, by rule. Field names are an API (docs/TOOLS.md).

export interface RuleCounts {
  readonly rule: string;
  /** The rule only observes: its keys get no TTL. */
  readonly observe: boolean;
  /** Keys that match the rule. */
  matching: number;
  /** Matching keys that have a TTL. */
  withTtl: number;
  /** Matching keys of a type that the rule does not apply to. */
  otherType: number;
  /** With --idle: matching keys without a TTL that somebody has used since; else 0. */
  inUse: number;
  /** Matching keys without a TTL that should get one. */
  due: number;
  /** Due keys that got their TTL. */
  given: number;
  /** Due keys that had changed before they could get it. */
  changed: number;
}

export function newCounts(rule: string, observe: boolean): RuleCounts {
  return { rule, observe, matching: 0, withTtl: 0, otherType: 0, inUse: 0, due: 0, given: 0, changed: 0 };
}
