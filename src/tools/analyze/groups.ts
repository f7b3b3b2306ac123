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
  /** The database of its keys; null: several. */
  db: number | null;
}

export class Groups {
  private readonly rules: (Group | undefined)[] = [];
  private readonly patterns = new Map<string, Group>();
  private readonly scratch = Buffer.allocUnsafe(PATTERN_SCRATCH);

  /** `ruleSet` undefined: groups by patterns alone. */
  constructor(
    private readonly ruleSet: RuleSet | undefined,
    private readonly db: number,
  ) {}

  of(key: Buffer): Group {
    const rule = this.ruleSet?.find(key, 0, key.length);
    if (rule !== undefined && rule.slot > 0) {
      this.rules[rule.slot] ??= this.group(rule.name, 'rule');
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
      join(this.rules[slot], group);
    }
    for (const group of other.patterns.values()) {
      const own = this.patterns.get(group.name);
      join(own ?? this.begin(group.name, group.db), group);
    }
  }

  get all(): Group[] {
    return [...this.rules.filter((group) => group !== undefined), ...this.patterns.values()];
  }

  private begin(name: string, db: number | null = this.db): Group {
    const full = this.patterns.size >= MAX_GROUPS - 1;
    const existing = full ? this.patterns.get(OTHERS) : undefined;
    if (existing !== undefined) return existing;
    const group = full ? this.group(OTHERS, 'others', db) : this.group(name, 'pattern', db);
    this.patterns.set(group.name, group);
    return group;
  }

  private group(name: string, by: Group['by'], db: number | null = this.db): Group {
    return { name, by, tally: new Tally(), db };
  }
}

function join(group: Group, other: Group): void {
  group.tally.merge(other.tally);
  if (group.db !== other.db) group.db = null;
}
