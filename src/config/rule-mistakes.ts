// Warns about common mistakes in lists of patterns, judged by the texts alone. Only warns, because each may be intended. Pure.
import { STAR } from '../core/policy/glob.js';
import { literalRuns } from '../core/policy/glob-literals.js';
import type { Rule } from '../core/policy/rule.js';

/** The most warnings that are shown. */
const MOST_TOLD = 20;
/** More globs without any literal text take too long, because each key is compared with all of them. */
const MOST_BARE = 100;
const REGULAR_EXPRESSION = /^\^|^\.\*|\$$|\.\+|\\[dws]|\([^)]*\|[^)]*\)/;
const SEPARATOR = /[:/.|_-]$/;
/** Keys of queue libraries. Their data structures hold jobs, which would expire with them. */
const QUEUES = /^(?:bull|bq|rq|resque|sidekiq|celery|_kombu|queues?)\b/;

/** One line each, in the order of the rules. */
export function ruleMistakes(rules: readonly Rule[]): string[] {
  const found = [...shadowed(rules), ...rules.flatMap((rule) => ofPatterns(rule)), ...tooManyBare(rules)];
  if (found.length <= MOST_TOLD) return found;
  return [...found.slice(0, MOST_TOLD), `rules: ${found.length - MOST_TOLD} more warnings of this kind`];
}

/** Rules that no key reaches, because earlier rules match all of their keys: found if these have patterns like `text*`. */
function shadowed(rules: readonly Rule[]): string[] {
  const takenBy = new Map<string, Rule>();
  return rules.flatMap((rule) => {
    const takers = rule.globs.map((glob) => takerOf(glob, takenBy));
    for (const glob of rule.globs) {
      const prefix = prefixOf(glob);
      if (prefix !== undefined && !takenBy.has(prefix)) takenBy.set(prefix, rule);
    }
    const [taker] = takers;
    if (taker === undefined || takers.includes(undefined)) return [];
    return [
      `rules: no key reaches "${rule.name}", because "${taker.name}" matches all of its keys first: put "${rule.name}" before it`,
    ];
  });
}

function takerOf(glob: Uint8Array, takenBy: ReadonlyMap<string, Rule>): Rule | undefined {
  const [front] = literalRuns(glob);
  const text = front?.isFirst === true ? Buffer.from(front.bytes).toString('latin1') : '';
  for (let length = 0; length <= text.length; length++) {
    const taker = takenBy.get(text.slice(0, length));
    if (taker !== undefined) return taker;
  }
  return undefined;
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

function ofPatterns({ name, globs, applyToAll, ttlMs }: Rule): string[] {
  return globs.flatMap((glob) => {
    const text = Buffer.from(glob).toString();
    if (REGULAR_EXPRESSION.test(text)) {
      return [
        `rules: "${name}" has the pattern ${JSON.stringify(text)}, which looks like a regular expression; patterns are globs such as "cache:*"`,
      ];
    }
    if (SEPARATOR.test(text) && !/[*?[\\]/.test(text)) {
      return [
        `rules: "${name}" matches only the key ${JSON.stringify(text)}: for all keys that begin with it, write "${text}*"`,
      ];
    }
    if (applyToAll && ttlMs > 0 && QUEUES.test(text)) {
      return [
        `rules: "${name}" gives TTLs to lists, hashes and sets that match ${JSON.stringify(text)}: if they belong to a queue library, their jobs expire; use "durable": true`,
      ];
    }
    return [];
  });
}

function tooManyBare(rules: readonly Rule[]): string[] {
  const bare = rules
    .flatMap(({ globs }) => globs)
    .filter((glob) => literalRuns(glob).length === 0 && !glob.every((byte) => byte === STAR)).length;
  if (bare <= MOST_BARE) return [];
  return [
    `rules: ${bare} patterns have no literal text, so each key is compared with all of them, and a key that takes too long ` +
      'counts as matched by no rule (spillway_keys_given_up_total): add text that their keys have in common',
  ];
}
