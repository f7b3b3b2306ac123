// The groups in which keys are counted: the first rule that matches a key, else the pattern that its name suggests.
// Owns the names. Invariant: at most MAX_GROUPS patterns; keys of all further patterns are counted together.
import type { RuleSet } from '../../core/policy/rule-set.js';
import { PATTERN_SCRATCH, writePattern } from '../../observe/stats/prefix.js';
import { Tally } from './tally.js';

const MAX_GROUPS = 10_000;
const OTHERS = '(others)';

export interface Group {
  readonly name: string;
  /** A rule's name, a pattern of keys that no rule matches, or the keys of all patterns beyond MAX_GROUPS. */
  readonly by: 'rule' | 'pattern' | 'others';
  readonly tally: Tally;
}

export class Groups {
  private readonly rules: (Group | undefined)[] = [];
  private readonly patterns = new Map<string, Group>();
  private readonly scratch = Buffer.allocUnsafe(PATTERN_SCRATCH);

  /** `ruleSet` undefined: groups by patterns alone. */
  constructor(private readonly ruleSet: RuleSet | undefined) {}

  of(key: Buffer): Group {
    const rule = this.ruleSet?.find(key, 0, key.length);
    if (rule !== undefined && rule.slot > 0) {
      this.rules[rule.slot] ??= { name: rule.name, by: 'rule', tally: new Tally() };
      return this.rules[rule.slot] as Group;
    }
    const length = writePattern(key, 0, key.length, this.scratch);
    const name = this.scratch.toString('latin1', 0, length);
    return this.patterns.get(name) ?? this.begin(name);
  }

  merge(other: Groups): void {
    for (const [slot, group] of other.rules.entries()) {
      if (group === undefined) continue;
      this.rules[slot] ??= { ...group, tally: new Tally() };
      this.rules[slot].tally.merge(group.tally);
    }
    for (const { name, tally } of other.patterns.values()) {
      (this.patterns.get(name) ?? this.begin(name)).tally.merge(tally);
    }
  }

  get all(): Group[] {
    return [...this.rules.filter((group) => group !== undefined), ...this.patterns.values()];
  }

  private begin(name: string): Group {
    const full = this.patterns.size >= MAX_GROUPS - 1;
    const existing = full ? this.patterns.get(OTHERS) : undefined;
    if (existing !== undefined) return existing;
    const group: Group = full
      ? { name: OTHERS, by: 'others', tally: new Tally() }
      : { name, by: 'pattern', tally: new Tally() };
    this.patterns.set(group.name, group);
    return group;
  }
}
