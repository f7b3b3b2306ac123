// Which row of the counters is whose, from one reload to the next: a rule keeps its row for as long as the process lives,
// by its name, and gets it back when it returns. So counters go on, and what is still under way for a rule that is gone
// counts for that rule and no other. Of several processes one decides, and tells the others.
// Invariants: a row, once given, is never given to another name; row 0 is nobody's ("unregistered"); no more than `most`
// names are ever known: a further one is refused, and then nothing has changed.
import type { Rule } from '../../core/policy/rule.js';

/** Twice as many names as a config may have rules, 8 KiB of counters each once they are used. */
const MOST_NAMES = 20_000;

export class RuleSlots {
  private readonly slots = new Map<string, number>();

  constructor(private readonly most = MOST_NAMES) {}

  /** The rules, each with its row; undefined: more names than may ever be known. */
  assign(rules: readonly Rule[]): Rule[] | undefined {
    const unknown = rules.filter(({ name }) => !this.slots.has(name));
    if (this.slots.size + unknown.length > this.most) return undefined;
    for (const { name } of unknown) this.slots.set(name, this.slots.size + 1);
    return rules.map((rule) => ({ ...rule, slot: this.slots.get(rule.name) ?? 0 }));
  }
}
