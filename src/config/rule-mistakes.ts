// Warns about common mistakes in lists of rules, judged by the texts alone. Only warns, because each may be intended. Pure.
import type { FamilyChoice } from '../core/policy/families.js';
import { globClassIsOpen, STAR } from '../core/policy/glob.js';
import { literalRuns } from '../core/policy/glob-literals.js';
import type { Rule } from '../core/policy/rule.js';
import { forEachSliced, mapSliced, type Sliced } from '../core/policy/slices.js';
import { familyMistakes } from './family-mistakes.js';
import { Takers } from './rule-takers.js';

/** The most warnings that are shown. */
const MOST_TOLD = 20;
/** More globs without any literal text take too long, because each key is compared with all of them. */
const MOST_BARE = 100;
const REGULAR_EXPRESSION = /^\^|^\.\*|[:/|]\.[*+]|\$$|\.\+|\]\+|\\[dws]|\([^)]*\|[^)]*\)/;
const ALTERNATIVES = /\{[^{}]*,[^{}]*\}/;
const SEPARATOR = /[:/.|_-]$/;

/** One line each, in the order of the rules. */
export function* ruleMistakes(rules: readonly Rule[], families: FamilyChoice): Sliced<string[]> {
  const found = [
    ...(yield* shadowed(rules)),
    ...familyMistakes(rules, families),
    ...(yield* mapSliced(rules, ofPatterns)).flat(),
    ...(yield* tooManyBare(rules)),
  ];
  if (found.length <= MOST_TOLD) return found;
  return [...found.slice(0, MOST_TOLD), `rules: ${found.length - MOST_TOLD} more warnings of this kind`];
}

/** Patterns that no key reaches, because earlier rules match all of their keys. */
function* shadowed(rules: readonly Rule[]): Sliced<string[]> {
  const takers = new Takers();
  const found = yield* mapSliced(rules, (rule) => {
    const takenBy = rule.globs.map((glob) => takers.of(glob, rule));
    takers.add(rule);
    const [first] = takenBy;
    if (first !== undefined && !takenBy.includes(undefined)) {
      const loss = givesTtl(first) && rule.durable ? ' and gives them a TTL, although they are durable' : '';
      return [
        `rules: no key reaches "${rule.name}", because "${first.name}" matches all of its keys first${loss}: put "${rule.name}" before it`,
      ];
    }
    if (!rule.durable) return [];
    // The rest of the rule works, so nobody notices.
    return takenBy.flatMap((taker, i) =>
      taker !== undefined && givesTtl(taker)
        ? [
            `rules: "${rule.name}" is durable, but "${taker.name}" matches ${quoted(rule.globs[i])} first and gives these keys a TTL: put "${rule.name}" before it`,
          ]
        : [],
    );
  });
  return found.flat();
}

function givesTtl({ ttlMs, maxTtlMs }: Rule): boolean {
  return ttlMs > 0 || maxTtlMs > 0;
}

function ofPatterns({ name, globs, family }: Rule): string[] {
  if (family !== undefined) return [];
  return globs.flatMap((glob) => {
    const text = Buffer.from(glob).toString();
    if (REGULAR_EXPRESSION.test(text)) {
      return [
        `rules: "${name}" has the pattern ${quoted(glob)}, which looks like a regular expression; patterns are globs such as "cache:*"`,
      ];
    }
    if (ALTERNATIVES.test(text)) {
      return [
        `rules: "${name}" has the pattern ${quoted(glob)}: braces stand for themselves; write one pattern for each alternative`,
      ];
    }
    if (globClassIsOpen(glob)) {
      return [
        `rules: "${name}" has the pattern ${quoted(glob)}, in which a "[" is never closed, so it reaches to the end; write \\\\[ for a bracket, and a "-" as the first character of a class`,
      ];
    }
    if (SEPARATOR.test(text) && !/[*?[\\]/.test(text)) {
      return [
        `rules: "${name}" matches only the key ${quoted(glob)}: for all keys that begin with it, write "${text}*"`,
      ];
    }
    return [];
  });
}

function quoted(glob: Uint8Array): string {
  return JSON.stringify(Buffer.from(glob).toString());
}

function* tooManyBare(rules: readonly Rule[]): Sliced<string[]> {
  let bare = 0;
  yield* forEachSliced(rules, ({ globs }) => {
    for (const glob of globs)
      if (literalRuns(glob).length === 0 && !glob.every((byte) => byte === STAR)) bare++;
  });
  if (bare <= MOST_BARE) return [];
  return [
    `rules: ${bare} patterns have no literal text, so each key is compared with all of them, and a key that takes too long ` +
      'counts as matched by no rule (spillway_keys_given_up_total): add text that their keys have in common',
  ];
}
