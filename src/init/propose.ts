// From what is stored, and what a running proxy has seen, to the rules of a first configuration: one for each group of
// keys that weighs something, with what speaks for it. Pure.
// Invariants: each key of a group falls under that group's rule, whatever the other rules are: a glob that matches all
// that another matches stands behind it; rules only observe, so nothing is given or refused before somebody says so.
import type { Analysis, GroupAnalysis } from '../analyze/analysis.js';
import type { PriorityName } from '../policy/rule.js';
import { type RuleSuggestion, suggestRule } from '../stats/suggest.js';

export interface Proposal {
  readonly rule: RuleSuggestion;
  /** For people: what was seen, and what to look at. */
  readonly comment: readonly string[];
}

export interface Proposals {
  readonly rules: readonly Proposal[];
  /** Of groups that weigh something and get no rule: a glob without a word of its own would match what belongs to others. */
  readonly wordless: readonly string[];
}

/** A pattern that a running proxy has found, as GET /api/stats tells. */
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
/** So many patterns that begin alike are one. */
const ALIKE = 3;
/** Of the keys that have a TTL, how many must end within the one that is suggested. */
const COVERED = 0.9;
/** Durations of the bands of an analysis, as a rule writes them. */
const DURATIONS = ['1m', '10m', '1h', '6h', '24h', '7d', '30d', '90d'];
const QUEUES: ReadonlySet<string> = new Set(['list', 'stream']);

export function proposeRules({ groups, keys }: Analysis, discovered: readonly Discovered[] = []): Proposals {
  const total = groups.reduce((sum, group) => sum + group.keys.estimate, 0);
  const weighty = merged(groups).filter(
    ({ by, share, keys: { estimate } }) =>
      by !== 'others' && (share >= LEAST_SHARE || estimate >= LEAST_SHARE * total),
  );
  const taken = new Set<string>();
  const proposals: Proposal[] = [];
  const wordless: string[] = [];
  for (const group of weighty.slice(0, MOST_RULES)) {
    const proposal = propose(group, taken, keys.total);
    if (proposal !== undefined) proposals.push(proposal);
    else wordless.push(`${group.name} (${grouped(group.keys.estimate)} keys)`);
  }
  const known = new Set(proposals.map(({ rule }) => rule.match));
  for (const { pattern, writes, withoutTtl, suggestion, note } of discovered) {
    if (suggestion === null || known.has(suggestion.match) || proposals.length >= MOST_RULES) continue;
    const seen = `${pattern}: ${grouped(writes)} writes through the proxy, ${grouped(withoutTtl)} without a TTL. ${note}`;
    proposals.push({ rule: { ...suggestion, name: freeName(suggestion.name, taken) }, comment: [seen] });
  }
  return { rules: proposals.sort((a, b) => bySpecificity(a.rule.match, b.rule.match)), wordless };
}

function propose(group: GroupAnalysis, taken: Set<string>, total: number): Proposal | undefined {
  const { name: pattern, keys, bytes, share, withoutTtl, types } = group;
  const strings = types.string ?? 0;
  const bare = withoutTtl.estimate;
  const { suggestion } = suggestRule(
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
  if (suggestion === null || !/[a-z0-9]/i.test(pattern.replaceAll(/\\./g, ''))) return undefined;
  const observed = commonTtl(group);
  const rule: RuleSuggestion = { ...suggestion };
  if (rule.ttl !== undefined && observed !== undefined) rule.ttl = observed;
  if (rule.durable) rule.priority = priorityOf(types);
  const what = Object.entries(types).map(([type, part]) => (part > 0.99 ? type : `${type} ${percent(part)}`));
  const comment = [
    `${grouped(keys.estimate)} keys (${percent(keys.estimate / Math.max(1, total))}), ${size(bytes.estimate)} (${percent(share)}), ` +
      `${percent(bare / Math.max(1, keys.estimate))} without a TTL; ${what.join(', ')}`,
  ];
  if (rule.durable) {
    comment.push('No strings for the most part: registered as meant to stay, which changes nothing.');
  } else if (observed !== undefined && bare < keys.estimate) {
    comment.push(`Of those with a TTL, ${percent(COVERED)} end within ${observed}.`);
  } else
    comment.push(
      'None has a TTL: is this one long enough for its readers? If the keys must stay: "durable": true.',
    );
  return { rule, comment };
}

/** The shortest usual duration within which nearly all end that have a TTL; undefined: too few have one. */
function commonTtl({ ttl, keys }: GroupAnalysis): string | undefined {
  const all = ttl.reduce((sum, band) => sum + band.keys, 0);
  if (all < 0.05 * keys.estimate || all === 0) return undefined;
  let within = 0;
  for (const [i, band] of ttl.entries()) {
    within += band.keys;
    // What is left of a TTL is half of it on average.
    if (within >= COVERED * all) return DURATIONS[i];
  }
  return undefined;
}

function priorityOf(types: Readonly<Record<string, number>>): PriorityName {
  const queues = Object.entries(types).reduce((sum, [type, part]) => sum + (QUEUES.has(type) ? part : 0), 0);
  return queues > 0.5 ? 'critical' : 'normal';
}

/** Patterns that differ in their second word alone are one: queue:a:*, queue:b:*, queue:c:* are queue:*. */
function merged(groups: readonly GroupAnalysis[]): GroupAnalysis[] {
  const families = new Map<string, GroupAnalysis[]>();
  for (const group of groups) {
    const first = /^([^:*?[\]\\]+:)[^:]+:\*$/.exec(group.name)?.[1];
    const name = first === undefined || group.by === 'rule' ? group.name : `${first}*`;
    families.set(name, [...(families.get(name) ?? []), group]);
  }
  const out: GroupAnalysis[] = [];
  for (const [name, family] of families) {
    const type = (group: GroupAnalysis) => Object.keys(group.types)[0];
    const alike = family.every((group) => type(group) === type(family[0] as GroupAnalysis));
    if (family.length >= ALIKE && alike) out.push(together(name, family));
    else out.push(...family);
  }
  return out.sort((a, b) => b.share - a.share);
}

function together(name: string, family: readonly GroupAnalysis[]): GroupAnalysis {
  const [first] = family as [GroupAnalysis];
  const add = (of: (group: GroupAnalysis) => number) => family.reduce((sum, group) => sum + of(group), 0);
  const estimate = (of: 'keys' | 'bytes' | 'withoutTtl') => ({
    estimate: add((group) => group[of].estimate),
    low: add((group) => group[of].low),
    high: add((group) => group[of].high),
  });
  const keys = estimate('keys');
  return {
    ...first,
    name,
    keys,
    bytes: estimate('bytes'),
    withoutTtl: estimate('withoutTtl'),
    share: add(({ share }) => share),
    ttl: first.ttl.map((band, i) => ({
      ...band,
      keys: add(({ ttl }) => ttl[i]?.keys ?? 0),
      bytes: add(({ ttl }) => ttl[i]?.bytes ?? 0),
    })),
  };
}

/**
 * Of two globs of which one matches all that the other matches, the other comes first: its shortest text is matched by the
 * first, so is no shorter than the first one's; and if as long, then it has fewer stars, or fewer question marks.
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

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function size(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
