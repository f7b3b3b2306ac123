// What a sweep has found, by rule. Field names are an API (docs/TOOLS.md).

export interface RuleCounts {
  readonly rule: string;
  /** The rule only observes: nothing is given. */
  readonly observe: boolean;
  /** Keys that are the rule's. */
  matching: number;
  /** Of them: have a TTL. */
  withTtl: number;
  /** Of them: of a type that the rule does not apply to. */
  otherType: number;
  /** Of them: have none, and are to get one. */
  due: number;
  /** Of these: got it. */
  given: number;
  /** Of these: had changed when it came to it. */
  changed: number;
}

export function newCounts(rule: string, observe: boolean): RuleCounts {
  return { rule, observe, matching: 0, withTtl: 0, otherType: 0, due: 0, given: 0, changed: 0 };
}
