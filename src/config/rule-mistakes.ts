// What people get wrong in lists of patterns, as far as the texts alone tell: warnings, since each may be meant so. Pure.
import { STAR } from '../core/policy/glob.js';
import { literalRuns } from '../core/policy/glob-literals.js';
import type { Rule } from '../core/policy/rule.js';

/** Of a list that is wrong from end to end, so many are told. */
const MOST_TOLD = 20;
/** More globs without a byte that keys must hold are tried one after the other for too long. */
const MOST_BARE = 100;
const REGULAR_EXPRESSION = /^\^|^\.\*|\$$|\.\+|\\[dws]|\([^)]*\|[^)]*\)/;
const SEPARATOR = /[:/.|_-]$/;
/** Keys of queue libraries: whose structures hold jobs that would go with them. */
const QUEUES = /^(?:bull|bq|rq|resque|sidekiq|celery|_kombu|queues?)\b/;

/** One line each, in the order of the rules. */
export function ruleMistakes(rules: readonly Rule[]): string[] {
  const found = [...shadowed(rules), ...rules.flatMap((rule) => ofPatterns(rule)), ...tooManyBare(rules)];
  if (found.length <= MOST_TOLD) return found;
  return [...found.slice(0, MOST_TOLD), `rules: ${found.length - MOST_TOLD} more warnings of this kind`];
}

/** Rules all of whose keys an earlier one takes: as far as that one's patterns are a text and a star. */
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
      `rules: "${rule.name}" is never reached, since "${taker.name}" matches its keys first: put "${rule.name}" before it`,
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

/** What all keys that the glob matches begin with, where it matches all keys that do. */
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
        `rules: "${name}" matches ${JSON.stringify(text)}, which looks like a regular expression: patterns are globs, as "cache:*"`,
      ];
    }
    if (SEPARATOR.test(text) && !/[*?[\\]/.test(text)) {
      return [
        `rules: "${name}" matches the one key ${JSON.stringify(text)}: for all keys that begin so, write "${text}*"`,
      ];
    }
    if (applyToAll && ttlMs > 0 && QUEUES.test(text)) {
      return [
        `rules: "${name}" gives a TTL to lists, hashes and sets under ${JSON.stringify(text)}: where a queue library keeps them, jobs are lost`,
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
    `rules: ${bare} patterns hold no literal text, and each key is tried against all of them; a key that takes too long ` +
      'counts as matched by no rule (spillway_keys_given_up_total): give them some text that their keys have in common',
  ];
}
