// Finds the earlier rule that matches all keys of a glob, in all databases and for all users of its rule, judged by the texts.
// Patterns like `text*` are looked up by their prefix; all others are compared one by one if there are only a few.
// Invariant: a rule that it names really matches all keys. It does not notice that several rules together match all keys.
import { STAR } from '../core/policy/glob.js';
import { elementsCover } from '../core/policy/glob-cover.js';
import { type GlobElement, globElements } from '../core/policy/glob-elements.js';
import { literalRuns } from '../core/policy/glob-literals.js';
import type { Rule } from '../core/policy/rule.js';
import { type RuleScope, scopeCovers } from '../core/policy/rule-views.js';

/** Comparing thousands of globs with each other would take seconds. */
const MOST_COMPARED = 200;
/** Rules for other databases or users that have the same prefix. */
const MOST_ALIKE = 20;

export class Takers {
  private readonly byPrefix = new Map<string, Rule[]>();
  private readonly others: { readonly rule: Rule; readonly elements: readonly GlobElement[] }[] = [];

  /** An earlier rule that matches all keys that the glob matches wherever its rule applies; undefined: none is known. */
  of(glob: Uint8Array, scope: RuleScope): Rule | undefined {
    const [front] = literalRuns(glob);
    const text = front?.isFirst === true ? Buffer.from(front.bytes).toString('latin1') : '';
    for (let length = 0; length <= text.length; length++) {
      const taker = this.byPrefix.get(text.slice(0, length))?.find((rule) => scopeCovers(rule, scope));
      if (taker !== undefined) return taker;
    }
    if (this.others.length === 0) return undefined;
    const narrow = globElements(glob);
    return this.others.find(
      ({ rule, elements }) => scopeCovers(rule, scope) && elementsCover(elements, narrow),
    )?.rule;
  }

  /** From now on this rule counts as an earlier one. */
  add(rule: Rule): void {
    for (const glob of rule.globs) {
      const prefix = prefixOf(glob);
      if (prefix === undefined) {
        if (this.others.length < MOST_COMPARED) this.others.push({ rule, elements: globElements(glob) });
      } else this.addPrefix(prefix, rule);
    }
  }

  private addPrefix(prefix: string, rule: Rule): void {
    const known = this.byPrefix.get(prefix);
    if (known === undefined) this.byPrefix.set(prefix, [rule]);
    else if (known.length < MOST_ALIKE && !known.some((other) => scopeCovers(other, rule))) known.push(rule);
  }
}

/** The text of a glob `text*`; undefined for other globs. */
function prefixOf(glob: Uint8Array): string | undefined {
  if (glob.length > 0 && glob.every((byte) => byte === STAR)) return '';
  const [front, ...others] = literalRuns(glob);
  const isPrefix =
    front?.isFirst === true &&
    others.length === 0 &&
    front.rest.length > 0 &&
    front.rest.every((byte) => byte === STAR);
  return isPrefix ? Buffer.from(front.bytes).toString('latin1') : undefined;
}
