// Suggests a rule for a discovered pattern, ready to paste into `rules`, and says why.
// Invariants: a suggestion is valid by the config's rule schema; its name is unique among the rules and the other
// suggestions; pasted, it only observes; nothing gets a TTL unless the application's own TTLs or the name say that it expires,
// and nothing that is written in transactions.
import { type Family, type FamilyName, familyOf } from '../../core/policy/families.js';
import type { PriorityName } from '../../core/policy/rule.js';
import { looksLikeCache, shortLivedBy } from '../advice/meaning.js';
import type { HeavyHitter } from './heavy-hitters.js';

/** How keys of a pattern were written. */
export interface WrittenPattern extends Omit<HeavyHitter, 'db' | 'inMulti'> {
  /** Writes in transactions; left out: not known, as of keys that are only looked at. */
  readonly inMulti?: number;
}

/** One entry of the config's `rules`: with a family, or with a pattern and either `ttl` or `durable`. */
export interface RuleSuggestion {
  name: string;
  /** With a family there is none. */
  match?: string;
  family?: FamilyName;
  /** Left out: in every database. */
  db?: number;
  /** Duration with its unit, such as "24h". */
  ttl?: string;
  durable?: true;
  priority: PriorityName;
  mode?: 'observe';
}

export interface Advice {
  /** null for the empty key, which no useful glob matches, and for a second pattern of a family. */
  suggestion: RuleSuggestion | null;
  /** One or two sentences for a person: what was seen, and what to look at before pasting. */
  note: string;
}

/** From this share of writes with a TTL on, the application counts as setting TTLs itself. */
const MOSTLY_EXPIRING = 0.95;
/** Above this share of INCR, HSET, LPUSH … the keys count as collections, where a TTL may delete live work. */
const MOSTLY_COLLECTIONS = 0.5;
/** From this share of writes in transactions on, the keys count as parts of something larger. */
const TRANSACTIONAL = 0.1;
const TOGETHER =
  'If these keys expired or were refused by themselves, what belongs together would fall apart. So the rule is durable, which changes nothing.';
const NAME_LENGTH = 64;
const ONLY_OBSERVES = 'The rule only observes until you remove its "mode".';
const WORDLESS =
  'The pattern has no word of its own, so it matches many other keys: put the rule last, and give such keys a prefix.';

export interface Idea {
  readonly words: RegExp;
  readonly ttl: string;
  readonly priority: PriorityName;
}
/** For words that suggest nothing. Its TTL is only for keys that already expire. */
export const ANYTHING: Idea = { words: /^/, ttl: '24h', priority: 'low' };
const IDEAS: readonly Idea[] = [
  { words: /(^|[^a-z])(sess|session|sessions|token|tokens)([^a-z]|$)/i, ttl: '24h', priority: 'high' },
  { words: /(^|[^a-z])(temp|tmp)([^a-z]|$)/i, ttl: '5m', priority: 'low' },
  { words: /cache/i, ttl: '1h', priority: 'low' },
  ANYTHING,
];

/** What the words of a pattern suggest about its keys. Patterns that suggest the same get the same object. */
export function ideaOf(pattern: string): Idea {
  const stem = stemOf(pattern);
  return IDEAS.find(({ words }) => words.test(stem)) ?? ANYTHING;
}

/** The name says that the keys expire: a cache, temporary keys, sessions; but no locks, rate limits or one-time codes. */
export function expiresByName(pattern: string): boolean {
  return shortLivedBy(pattern) === undefined && (ideaOf(pattern) !== ANYTHING || looksLikeCache(pattern));
}

/** Whether a rule may give the keys without a TTL one: nearly all have one already, or their name says that they expire. */
export function mayExpire(pattern: string, withTtl: number, all: number): boolean {
  return expiresByName(pattern) || (all > 0 && withTtl >= all * MOSTLY_EXPIRING);
}

/** Its keys are written together with others, so that a TTL or a refusal would take one part of a whole. */
export function isTransactional({
  writes,
  inMulti = 0,
}: Pick<WrittenPattern, 'writes' | 'inMulti'>): boolean {
  return inMulti > 0 && inMulti >= writes * TRANSACTIONAL;
}

/** Advice on one pattern. A pattern of a job system gets a rule for the whole family. The suggested name is not in `taken`, and is added to it. */
export function suggestRule(hitter: WrittenPattern, taken: Set<string>): Advice {
  const family = familyOf(Buffer.from(hitter.pattern, 'latin1'));
  return family === undefined ? suggestByWords(hitter, taken) : ofFamily(family, taken);
}

/** Advice by the words of the pattern and its writes alone, families aside. Names as for suggestRule(). */
function suggestByWords(hitter: WrittenPattern, taken: Set<string>): Advice {
  const { suggestion, note } = draftByWords(hitter, taken);
  if (suggestion === null) return { suggestion, note };
  const { name } = suggestion;
  const { pattern, writes, hadTtl } = hitter;
  if (suggestion.ttl !== undefined && isTransactional(hitter)) {
    return {
      suggestion: { name, match: pattern, durable: true, priority: 'normal', mode: 'observe' },
      note: `${percent(hitter.inMulti ?? 0, writes)} of the writes are in transactions (MULTI). ${TOGETHER}`,
    };
  }
  if (suggestion.ttl !== undefined && !mayExpire(pattern, hadTtl, writes)) {
    return {
      suggestion: { name, match: pattern, durable: true, priority: 'normal', mode: 'observe' },
      note: `${noSign(hitter)}${suggestion.mode === undefined ? '' : ` ${WORDLESS}`}`,
    };
  }
  const priority = expiresByName(pattern) ? suggestion.priority : 'normal';
  return { suggestion: { ...suggestion, priority, mode: 'observe' }, note: `${note} ${ONLY_OBSERVES}` };
}

/** The same for keys of this database alone; null: of every database. A family's keys belong together wherever they are. */
export function inDatabase(suggestion: RuleSuggestion, db: number | null): RuleSuggestion {
  if (db === null || suggestion.match === undefined) return suggestion;
  const { name, match, ...rest } = suggestion;
  return { name, match, db, ...rest };
}

/** What a rule for keys that may expire would be. The caller must know that they may: nothing here does. */
export function draftByWords(hitter: WrittenPattern, taken: Set<string>): Advice {
  const { pattern, writes, hadTtl, withoutTtl } = hitter;
  if (pattern === '')
    return {
      suggestion: null,
      note: 'The empty key: look for code that builds a key name from empty strings.',
    };

  const stem = stemOf(pattern);
  const name = uniqueName(stem === '' ? 'everything-else' : stem, taken);
  const idea = ideaOf(pattern);
  const expiring = { name, match: pattern, ttl: idea.ttl, priority: idea.priority };
  const kept = writes - hadTtl - withoutTtl;

  let suggestion: RuleSuggestion = expiring;
  let note: string;
  if (hadTtl >= writes * MOSTLY_EXPIRING) {
    note = `These keys already expire: ${percent(hadTtl, writes)} of the writes carry a TTL. The rule adds one to the others and sets a priority.`;
  } else if (kept > writes * MOSTLY_COLLECTIONS) {
    suggestion = { name, match: pattern, durable: true, priority: 'normal' };
    note =
      'Mostly writes that keep the TTL of their key (INCR, HSET, LPUSH …). The rule is durable, which changes nothing. ' +
      'If these keys should expire, use "ttl" with "applyTo": "all" instead, but never for a queue.';
  } else {
    note = `${percent(withoutTtl, writes)} of the writes leave the key without a TTL. Check that ${idea.ttl} is long enough for its readers.`;
  }
  if (stem === '') {
    suggestion = { ...suggestion, mode: 'observe' };
    note += ` ${WORDLESS}`;
  }
  return { suggestion, note };
}

/** One rule for the whole family, because refusing or expiring a part of it loses jobs. */
function ofFamily({ name, title }: Family, taken: Set<string>): Advice {
  const why = `A key of ${title}: if some of its keys are refused or expire, jobs are lost.`;
  if (taken.has(name)) return { suggestion: null, note: `${why} The rule "${name}" is for all of them.` };
  taken.add(name);
  return {
    suggestion: { name, family: name, priority: 'critical', mode: 'observe' },
    note: `${why} The rule is for all of them, also those without this pattern. ${ONLY_OBSERVES}`,
  };
}

function noSign({ writes, hadTtl, withoutTtl }: WrittenPattern): string {
  const seen =
    hadTtl > 0
      ? `Only ${percent(hadTtl, writes)} of the writes carry a TTL`
      : `${percent(withoutTtl, writes)} of the writes leave the key without a TTL`;
  return `${seen}, and no sign says that these keys may expire. So the rule is durable, which changes nothing. If they may expire, write "ttl" in place of "durable".`;
}

/** The literal words of a pattern, as a rule name: `order:*:items:*` is `order-items`; empty when it has none. */
function stemOf(pattern: string): string {
  return pattern
    .replace(/[^A-Za-z0-9_.]+/g, '-')
    .replace(/^[-_.]+|[-_.]+$/g, '')
    .slice(0, NAME_LENGTH);
}

function uniqueName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted.slice(0, NAME_LENGTH - 8)}-${n}`;
  taken.add(name);
  return name;
}

/** Rounded down, so that 100% means all. */
function percent(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 100)}%`;
}
