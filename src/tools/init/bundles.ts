// Bundles: patterns that differ only in their second word, such as fifteen named queues, languages or tenants, become one
// pattern if they are alike, in the rules of init and in the tables of analyze. In `app:kind:id` the second word says what kind of key it is and so which TTL it
// needs: such patterns stay apart. Pure.
// Invariants: all patterns that begin with a bundle's first word are alike in type, in TTLs and in what their names suggest;
// a pattern that holds many keys or much memory keeps its own rule.

import { ideaOf } from '../../observe/stats/suggest.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { bandOfMost } from './observed.js';

/** This many similar patterns are members of one bundle, not kinds of keys that somebody designed. */
const MANY = 5;
/** Share of the keys, and of the bytes, below which a pattern may join a bundle. */
const SMALL = 0.02;
/** How far the members' shares of keys without a TTL may differ. */
const COVERAGE_APART = 0.2;
/** How far the members' usual TTLs may differ, in bands. What is left of equal TTLs differs by chance. */
const BANDS_APART = 1;

/** Keys that get one rule. */
export interface Bundle {
  /** For all members. */
  readonly group: GroupAnalysis;
  readonly members: readonly GroupAnalysis[];
}

/** The bundles among the groups; a group without relatives is a bundle of one. The largest share of memory first. */
export function bundlesOf(groups: readonly GroupAnalysis[]): Bundle[] {
  const total = groups.reduce((sum, { keys }) => sum + keys.estimate, 0);
  const bundles = new Map<string, GroupAnalysis[]>();
  for (const group of groups) {
    const name = bundleOf(group);
    bundles.set(name, [...(bundles.get(name) ?? []), group]);
  }
  const out: Bundle[] = [];
  const alone = (group: GroupAnalysis) => ({ group, members: [group] });
  for (const [name, bundle] of bundles) {
    // A group that has the bundle's own name falls under its glob, however large it is.
    const members = bundle.filter((group) => group.name === name || isSmall(group, total));
    if (members.length < MANY || !areAlike(name, bundle)) out.push(...bundle.map(alone));
    else {
      out.push({ group: together(name, members), members });
      out.push(...bundle.filter((group) => !members.includes(group)).map(alone));
    }
  }
  return out.sort((a, b) => b.group.share - a.group.share);
}

/** `queue:*` for `queue:amber:*`, `app:*:cart:*` for `app:acme:cart:*`; else the group's own name. */
function bundleOf({ name, by }: GroupAnalysis): string {
  const parts = /^([^:/|*?[\]\\]+([:/|]))[^:/|*?[\]\\]+(\2.*)$/.exec(name);
  if (parts === null || by !== 'pattern') return name;
  const [, first, sign, rest] = parts;
  return rest === `${sign}*` ? `${first}*` : `${first}*${rest}`;
}

function isSmall({ keys, share }: GroupAnalysis, total: number): boolean {
  return share < SMALL && keys.estimate < SMALL * total;
}

function areAlike(name: string, bundle: readonly GroupAnalysis[]): boolean {
  const idea = ideaOf(name);
  const type = ({ types }: GroupAnalysis) => Object.keys(types)[0];
  const coverage = bundle.map(({ withoutTtl, keys }) => withoutTtl.estimate / Math.max(1, keys.estimate));
  const bands = bundle.map(bandOfMost).filter((band) => band >= 0);
  return (
    bundle.every((group) => type(group) === type(bundle[0]) && ideaOf(group.name) === idea) &&
    spread(coverage) <= COVERAGE_APART &&
    spread(bands) <= BANDS_APART
  );
}

function spread(values: readonly number[]): number {
  return values.length === 0 ? 0 : Math.max(...values) - Math.min(...values);
}

function together(name: string, bundle: readonly GroupAnalysis[]): GroupAnalysis {
  const [first] = bundle as [GroupAnalysis];
  const add = (of: (group: GroupAnalysis) => number) => bundle.reduce((sum, group) => sum + of(group), 0);
  const most = (of: (group: GroupAnalysis) => number) => Math.max(...bundle.map(of));
  const estimate = (of: 'keys' | 'bytes' | 'withoutTtl') => ({
    estimate: add((group) => group[of].estimate),
    low: add((group) => group[of].low),
    high: add((group) => group[of].high),
  });
  const keys = estimate('keys');
  /** The mean of a share that each group has, by its keys. */
  const mean = (of: (group: GroupAnalysis) => number) =>
    add((group) => group.keys.estimate * of(group)) / Math.max(1, keys.estimate);
  const longest = most(({ longestTtlSeconds }) => longestTtlSeconds ?? 0);
  return {
    name,
    by: first.by,
    db: bundle.every(({ db }) => db === first.db) ? first.db : null,
    keys,
    bytes: estimate('bytes'),
    share: add(({ share }) => share),
    averageBytes: mean(({ averageBytes }) => averageBytes),
    largestBytes: most(({ largestBytes }) => largestBytes),
    withoutTtl: estimate('withoutTtl'),
    withoutTtlBytes: add(({ withoutTtlBytes }) => withoutTtlBytes),
    longestTtlSeconds: longest === 0 ? null : longest,
    ttl: first.ttl.map((band, i) => ({
      ...band,
      keys: add(({ ttl }) => ttl[i]?.keys ?? 0),
      bytes: add(({ ttl }) => ttl[i]?.bytes ?? 0),
    })),
    types: meansOf(bundle, mean, 'types'),
    encodings: meansOf(bundle, mean, 'encodings'),
    idle: first.idle.map(({ band }, i) => ({ band, share: mean(({ idle }) => idle[i]?.share ?? 0) })),
  };
}

function meansOf(
  bundle: readonly GroupAnalysis[],
  mean: (of: (group: GroupAnalysis) => number) => number,
  what: 'types' | 'encodings',
): Record<string, number> {
  const names = new Set(bundle.flatMap((group) => Object.keys(group[what])));
  const means = [...names].map((name): [string, number] => [name, mean((group) => group[what][name] ?? 0)]);
  return Object.fromEntries(means.sort(([, a], [, b]) => b - a));
}
