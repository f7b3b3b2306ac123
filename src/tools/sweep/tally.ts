// The counts of a sweep by rule, over all its databases, and in a dry run the sizes of some due keys. Pure.
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { newCounts, type RuleCounts } from './counts.js';
import { DueSizes } from './dry-sizes.js';

export class Tally {
  private readonly byRule = new Map<string, { readonly counts: RuleCounts; readonly sizes: DueSizes }>();

  /** Of the rules that give a TTL. `only`: names of rules; undefined: all. */
  constructor({ rules }: RuleSet, only: ReadonlySet<string> | undefined) {
    for (const { name, ttlMs, observe } of rules) {
      if (ttlMs > 0 && only?.has(name) !== false)
        this.byRule.set(name, { counts: newCounts(name, observe), sizes: new DueSizes() });
    }
  }

  /** Whether the rule gives TTLs in this sweep. */
  counts({ name }: CompiledRule): boolean {
    return this.byRule.has(name);
  }

  /** counts() must be true of the rule. */
  countsOf(rule: CompiledRule): RuleCounts {
    return this.of(rule).counts;
  }

  /** counts() must be true of the rule. */
  sizesOf(rule: CompiledRule): DueSizes {
    return this.of(rule).sizes;
  }

  /** Keys of enforced rules that should get a TTL. */
  get due(): number {
    return this.sum(({ observe, due }) => (observe ? 0 : due));
  }

  get given(): number {
    return this.sum(({ given }) => given);
  }

  private of({ name }: CompiledRule): { readonly counts: RuleCounts; readonly sizes: DueSizes } {
    const known = this.byRule.get(name);
    if (known === undefined) throw new Error(`the sweep does not count rule ${name}`);
    return known;
  }

  private sum(of: (counts: RuleCounts) => number): number {
    let total = 0;
    for (const { counts } of this.byRule.values()) total += of(counts);
    return total;
  }
}
