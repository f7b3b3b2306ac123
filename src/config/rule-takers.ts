// Finds the earlier rule that takes all keys of a glob, judged by the texts. Patterns like `text*` are looked up by their
// prefix; all other ones are compared one by one, as long as these are few.
// Invariant: what it says is true. It does not see that several rules together take all keys.
import { STAR } from '../core/policy/glob.js';
import { elementsCover } from '../core/policy/glob-cover.js';
import { type GlobElement, globElements } from '../core/policy/glob-elements.js';
import { literalRuns } from '../core/policy/glob-literals.js';
import type { Rule } from '../core/policy/rule.js';

/** Comparing thousands of globs with each other would take seconds. */
const MOST_COMPARED = 200;

export class Takers {
  private readonly byPrefix = new Map<string, Rule>();
  private readonly others: { readonly rule: Rule; readonly elements: readonly GlobElement[] }[] = [];

  /** An earlier rule that matches all keys that the glob matches; undefined: none is known. */
  of(glob: Uint8Array): Rule | undefined {
    const [front] = literalRuns(glob);
    const text = front?.isFirst === true ? Buffer.from(front.bytes).toString('latin1') : '';
    for (let length = 0; length <= text.length; length++) {
      const taker = this.byPrefix.get(text.slice(0, length));
      if (taker !== undefined) return taker;
    }
    if (this.others.length === 0) return undefined;
    const narrow = globElements(glob);
    return this.others.find(({ elements }) => elementsCover(elements, narrow))?.rule;
  }

  /** It comes before those that are asked about from now on. */
  add(rule: Rule): void {
    for (const glob of rule.globs) {
      const prefix = prefixOf(glob);
      if (prefix === undefined) {
        if (this.others.length < MOST_COMPARED) this.others.push({ rule, elements: globElements(glob) });
      } else if (!this.byPrefix.has(prefix)) this.byPrefix.set(prefix, rule);
    }
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
