// Proposes the rules of a first configuration from the keys that are stored and the writes that a running proxy has seen:
// one rule for each group of keys that is not small, with a comment that gives the reasons. Pure.
// Invariants: each key of a group falls under that group's rule, whatever the other rules are: a glob that matches
// everything that another glob matches comes after it. The rules only observe, until somebody changes the mode.

import { FAMILIES, type Family, familyGlobs } from '../../core/policy/families.js';
import { FAMILY_PREFIX } from '../../core/policy/family-rules.js';
import { globMatches } from '../../core/policy/glob.js';
import { globCovers } from '../../core/policy/glob-cover.js';
import { bytesText, countText } from '../../core/words.js';
import { draftByWords, inDatabase, type RuleSuggestion } from '../../observe/stats/suggest.js';
import type { Analysis, GroupAnalysis } from '../analyze/analysis.js';
import { type Bundle, bundlesOf } from './bundles.js';
import { costOf } from './cost.js';
import { judge } from './judge.js';
import { observeTtl } from './observed.js';
import { percent } from './words.js';

export interface Proposal {
  readonly rule: RuleSuggestion;
  /** What was seen, and what the operator should check; one line each. */
  readonly comment: readonly string[];
}

export interface Proposals {
  readonly rules: readonly Proposal[];
  /** Patterns that get no rule, although they are not small, because they have no word of their own: their glob would match
   *  other groups' keys. */
  readonly wordless: readonly string[];
  /** All other keys without a rule. */
  readonly left: Left;
}

/** Keys without a rule because their patterns are too small or too many. */
export interface Left {
  readonly keys: number;
  /** Of all keys. */
  readonly share: number;
  /** How many of these belong to patterns beyond the first 10,000, which are counted together. */
  readonly beyond: number;
}

/** A pattern that a running proxy has found, as in GET /api/stats. */
export interface Discovered {
  readonly pattern: string;
  readonly writes: number;
  readonly withoutTtl: number;
  readonly suggestion: RuleSuggestion | null;
  readonly note: string;
}

/** Groups of less than this share of the keys and of the bytes get no rule. */
const LEAST_SHARE = 0.001;
const MOST_RULES = 50;
/** A pattern with fewer writes through the proxy gets no rule. */
const LEAST_WRITES = 10;
/**
 * Matches a pattern that has a word of its own, or the beginning of one (`t*:*` has only a letter), or that begins with a
 * separator.
 */
const OWN_WORD = /^[:/|]|[a-z0-9]{3}|[a-z0-9](?![a-z0-9*])/i;

export function proposeRules(
  { groups, keys, memory }: Analysis,
  discovered: readonly Discovered[] = [],
): Proposals {
  const total = groups.reduce((sum, group) => sum + group.keys.estimate, 0);
  const taken = new Set<string>();
  const bare = groups.reduce((sum, { withoutTtl }) => sum + withoutTtl.estimate, 0);
  const ttlBytes = memory.ttlBytes / Math.max(1, bare);
  const jobs = groups.flatMap((group) => proposeFamily(group, taken, keys.total));
  const covered = jobs.flatMap(({ rule: { family } }) => (family === undefined ? [] : familyGlobs(family)));
  const ofJobs = (group: GroupAnalysis) =>
    familyIn(group) !== undefined ||
    covered.some((glob) => globCovers(glob, Buffer.from(group.name, 'latin1')));
  const weighty = bundlesOf(groups.filter((group) => !ofJobs(group))).filter(
    ({ group: { by, share, keys: of } }) =>
      by !== 'others' && (share >= LEAST_SHARE || of.estimate >= LEAST_SHARE * total),
  );
  const proposals: Proposal[] = [];
  const wordless: GroupAnalysis[] = [];
  for (const bundle of weighty.slice(0, MOST_RULES)) {
    const proposal = propose(bundle, taken, keys.total, ttlBytes);
    if (proposal !== undefined) proposals.push(proposal);
    else wordless.push(bundle.group);
  }
  const known = new Set([...jobs, ...proposals].map(({ rule }) => rule.family ?? rule.match));
  for (const { pattern, writes, withoutTtl, suggestion, note } of discovered) {
    if (
      suggestion === null ||
      known.has(suggestion.family ?? suggestion.match) ||
      proposals.length >= MOST_RULES
    )
      continue;
    if (writes < LEAST_WRITES) continue;
    const seen = `${pattern}: the proxy saw ${countText(writes)} writes, ${countText(withoutTtl)} without a TTL. ${note}`;
    proposals.push({ rule: { ...suggestion, name: freeName(suggestion.name, taken) }, comment: [seen] });
  }
  return {
    rules: [...jobs, ...proposals.sort((a, b) => bySpecificity(a.rule.match ?? '', b.rule.match ?? ''))],
    wordless: wordless.map(({ name, keys: of }) => `${name} (${countText(of.estimate)} keys)`),
    left: leftOf(
      groups.filter((group) => !wordless.includes(group) && !ofJobs(group)),
      proposals,
      total,
    ),
  };
}

/** The family whose keys a group holds; undefined: it is a pattern's. */
function familyIn({ by, name }: GroupAnalysis): Family | undefined {
  return by === 'rule' ? FAMILIES.find((family) => name === FAMILY_PREFIX + family.name) : undefined;
}

/** One rule for all keys of a job system, however few these are now. */
function proposeFamily(group: GroupAnalysis, taken: Set<string>, total: number): Proposal[] {
  const family = familyIn(group);
  if (family === undefined) return [];
  const { name, title } = family;
  const rule: RuleSuggestion = { name: freeName(name, taken), family: name, priority: 'critical' };
  return [
    {
      rule,
      comment: [
        `${title}: ${seenIn(group, total)}`,
        'If a part of these keys were refused or expired, jobs would be lost.',
      ],
    },
  ];
}

function leftOf(groups: readonly GroupAnalysis[], proposals: readonly Proposal[], total: number): Left {
  const globs = proposals.map(({ rule }) => ({ glob: Buffer.from(rule.match ?? '', 'latin1'), db: rule.db }));
  const covered = ({ name, by, db: of }: GroupAnalysis) => {
    // Stands for a key of the pattern.
    const key = Buffer.from(name.replace(/\\(.)/g, '$1'), 'latin1');
    return (
      by !== 'others' &&
      globs.some(({ glob, db }) => (db === undefined || db === of) && globMatches(glob, key, 0, key.length))
    );
  };
  const without = groups.filter((group) => !covered(group));
  const count = (some: readonly GroupAnalysis[]) => some.reduce((sum, { keys }) => sum + keys.estimate, 0);
  const beyond = count(without.filter(({ by }) => by === 'others'));
  return { keys: count(without), share: count(without) / Math.max(1, total), beyond };
}

/** `ttlBytes`: the memory that a TTL takes. */
function propose(
  { group, members }: Bundle,
  taken: Set<string>,
  total: number,
  ttlBytes: number,
): Proposal | undefined {
  const { name: pattern, keys, bytes, withoutTtl, types } = group;
  const strings = types.string ?? 0;
  const bare = withoutTtl.estimate;
  if (!OWN_WORD.test(pattern.replaceAll(/\\./g, ''))) return undefined;
  const { suggestion } = draftByWords(
    {
      pattern,
      error: 0,
      bytes: bytes.estimate,
      writes: keys.estimate,
      hadTtl: keys.estimate - bare,
      withoutTtl: bare * strings,
    },
    taken,
  );
  if (suggestion === null) return undefined;
  if (!/[a-z0-9]/i.test(pattern)) suggestion.name = freeName('no-prefix', taken);
  const seen = seenIn(group, total);
  const { rule, why } = judge(suggestion, group, observeTtl(members));
  const cost = rule.ttl === undefined ? [] : costOf(group, ttlBytes);
  return { rule: inDatabase(rule, group.db), comment: [seen, ...why, ...cost] };
}

function seenIn({ keys, bytes, share, withoutTtl, types }: GroupAnalysis, total: number): string {
  const what = Object.entries(types).map(([type, part]) => (part > 0.99 ? type : `${type} ${percent(part)}`));
  return (
    `${countText(keys.estimate)} ${keys.estimate === 1 ? 'key' : 'keys'} (${percent(keys.estimate / Math.max(1, total))}), ${bytesText(bytes.estimate)} (${percent(share)}), ` +
    `${percent(withoutTtl.estimate / Math.max(1, keys.estimate))} without a TTL; ${what.join(', ')}`
  );
}

/**
 * Sorts the narrower of two globs first. If A matches everything that B matches, A also matches B's shortest text, so A's
 * shortest text is no longer than B's. If both are equally long, B has fewer stars, or fewer question marks.
 */
function bySpecificity(a: string, b: string): number {
  const [one, other] = [a, b].map((glob) => glob.replace(/\\./g, 'x'));
  const count = (glob: string, sign: string) => glob.split(sign).length;
  return (
    shortest(b) - shortest(a) ||
    count(one as string, '*') - count(other as string, '*') ||
    count(one as string, '?') - count(other as string, '?')
  );
}

/** Length of the shortest text that the glob matches. */
function shortest(glob: string): number {
  return glob.replace(/\\./g, 'x').replace(/[*]/g, '').length;
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`;
  taken.add(name);
  return name;
}
