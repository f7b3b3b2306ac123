// What a RuleSet searches: the globs of the rules that apply, in buckets by the first byte of the key, and the index for the
// buckets that are too large. Built once for each view, in slices. Immutable afterwards.
// Invariant: in a bucket the matchers are in the order of the rules, so the first match wins.
import { NOTHING } from '../resp/bytes.js';
import type { CompiledRule } from './compiled-rule.js';
import { globMatches, STAR } from './glob.js';
import { globElements } from './glob-elements.js';
import { GlobIndex } from './glob-index.js';
import { compileGlob, type Matcher, WILDCARDS } from './matcher.js';
import { Fit } from './rule-views.js';
import { RunsFilter } from './runs-filter.js';
import { forEachSliced, type Sliced } from './slices.js';

/** Cost units: comparing a literal, or a plain prefix, costs 1. A bucket that costs more uses the index (`npm run bench:micro -- decide`). */
const FEW = 12;
/** The cost of any other glob, and of one with a filter. */
const GLOB = 3;
const FILTERED = 1;

/**
 * The globs of built-in rules: by first byte; those that begin with a star, by last byte. They are few, so there is no index.
 */
interface Behind {
  readonly first: readonly (readonly Matcher[])[];
  readonly last: readonly (readonly Matcher[])[];
  /** Of `last`, without the globs that also end with a star. Each of those looks for one of the runs. */
  readonly ending: readonly (readonly Matcher[])[];
  /** undefined: there is no such glob, or nothing excludes keys quickly. */
  readonly runs: RunsFilter | undefined;
}

/** What finds the rules that apply. */
export interface Finders {
  readonly matchers: readonly Matcher[];
  /** By first byte; undefined: too many, see the index. */
  readonly buckets: readonly (readonly Matcher[] | undefined)[];
  readonly index: GlobIndex | undefined;
  /** undefined: there are no built-in rules. */
  readonly behind: Behind | undefined;
  readonly matchesEmptyKey: CompiledRule | undefined;
  /** Stands for a rule that may or may not apply. */
  readonly unsure: CompiledRule;
}

/** `unsure`: stands for a rule that may or may not apply. */
export function* findersOf(
  rules: readonly CompiledRule[],
  fits: readonly Fit[],
  unsure: CompiledRule,
): Sliced<Finders> {
  const [matchers, behind]: [Matcher[], Matcher[]] = [[], []];
  yield* forEachSliced(rules, (rule, i) => {
    if (fits[i] === Fit.NO) return;
    const as = fits[i] === Fit.YES ? rule : unsure;
    const list = rule.builtIn === true ? behind : matchers;
    for (const glob of rule.globs) list.push(compileGlob(as, glob));
  });
  const buckets = yield* bucketsOf(matchers);
  const all = [...matchers, ...behind];
  let matchesEmptyKey: CompiledRule | undefined;
  yield* forEachSliced(all, ({ glob, rule }) => {
    if (matchesEmptyKey === undefined && globMatches(glob, glob, 0, 0)) matchesEmptyKey = rule;
  });
  return {
    ...{ matchers, buckets, matchesEmptyKey, unsure },
    behind: behind.length > 0 ? behindOf(behind) : undefined,
    index: buckets.includes(undefined)
      ? yield* GlobIndex.sliced(
          matchers.map(({ glob }) => glob),
          matchers.map(({ filter }) => filter),
        )
      : undefined,
  };
}

function behindOf(matchers: readonly Matcher[]): Behind {
  const starred = ({ glob }: Matcher) => glob[0] === STAR;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const within = matchers.filter((each) => starred(each) && each.glob.at(-1) === STAR);
  const runs = within.map(({ filter }) => filter?.run ?? NOTHING);
  return {
    first: bytes.map((byte) => matchers.filter((each) => !starred(each) && canBegin(each.glob, byte))),
    last: bytes.map((byte) => matchers.filter((each) => starred(each) && canEnd(each.glob, byte))),
    ending: bytes.map((byte) =>
      matchers.filter((each) => starred(each) && !within.includes(each) && canEnd(each.glob, byte)),
    ),
    runs: runs.length > 0 && runs.every(({ length }) => length > 0) ? new RunsFilter(runs) : undefined,
  };
}

/** By first byte of a key, the globs that it can match; undefined: trying them takes too long. */
function* bucketsOf(matchers: readonly Matcher[]): Sliced<(readonly Matcher[] | undefined)[]> {
  const buckets = Array.from({ length: 256 }, (): Matcher[] | undefined => []);
  const times = new Uint8Array(256);
  const add = (matcher: Matcher, byte: number): void => {
    if (buckets[byte] === undefined) return;
    times[byte] += matcher.literal !== undefined ? 1 : matcher.filter === undefined ? GLOB : FILTERED;
    if (times[byte] > FEW) buckets[byte] = undefined;
    else buckets[byte].push(matcher);
  };
  yield* forEachSliced(matchers, (matcher) => {
    const [first] = matcher.glob;
    if (first === undefined) return;
    if (!WILDCARDS.has(first)) add(matcher, first);
    else for (let byte = 0; byte < 256; byte++) add(matcher, byte);
  });
  return buckets;
}

function canBegin(glob: Uint8Array, byte: number): boolean {
  return glob.length > 0 && (WILDCARDS.has(glob[0]) || glob[0] === byte);
}

function canEnd(glob: Uint8Array, byte: number): boolean {
  const element = globElements(glob).at(-1);
  return element === STAR || element?.has[byte] === 1;
}
