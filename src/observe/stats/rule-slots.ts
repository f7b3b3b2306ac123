// Assigns rows of the counters to rules, across reloads: a name keeps its row while the process lives, and gets it back when
// the rule returns. So counters continue, and pending writes of a removed rule still count for that rule. Of several
// processes one assigns the rows and tells the others.
// Invariants: a row is never given to another name; row 0 stands for keys without a rule ("unregistered"); at most `most`
// names are ever known. More are refused, and then nothing changes.
import type { Rule } from '../../core/policy/rule.js';

/** Twice as many as a config may have rules. Each used row has 8 KB of counters. */
const MOST_NAMES = 20_000;

export class RuleSlots {
  private readonly slots = new Map<string, number>();

  constructor(private readonly most = MOST_NAMES) {}

  /** The rules with their rows; undefined: too many names. */
  assign(rules: readonly Rule[]): Rule[] | undefined {
    const unknown = rules.filter(({ name }) => !this.slots.has(name));
    if (this.slots.size + unknown.length > this.most) return undefined;
    for (const { name } of unknown) this.slots.set(name, this.slots.size + 1);
    return rules.map((rule) => ({ ...rule, slot: this.slots.get(rule.name) ?? 0 }));
  }
}
