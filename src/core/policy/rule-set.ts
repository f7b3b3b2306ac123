// The compiled rules: finds the first rule that matches a key. Immutable; a reload replaces the whole set.
// Globs are in buckets by the first byte of the key. In a small bucket they are tried in order, which is fastest there.
// Otherwise an index finds the first match, in time that hardly depends on the number of globs. Built-in rules have buckets of
// their own, which are tried if no rule of the config matches.
// If rules name databases or users, view() gives the rules for one client (rule-views.ts). The set itself is then the view for
// a client whose database and user are unknown.
// It is long because the whole search for a key's rule is here: every write goes through it.
// Invariant: in a bucket the matchers are in the order of the rules, so the first match wins.
import { NOTHING } from '../resp/bytes.js';
import { encodePx } from '../resp/encode.js';
import {
  boundGlobs,
  CLASS_OPEN,
  ESCAPE,
  globMatches,
  globMatchesWithin,
  globsWereCut,
  QUESTION,
  STAR,
} from './glob.js';
import { globElements } from './glob-elements.js';
import { GlobFilter } from './glob-filter.js';
import { GlobIndex } from './glob-index.js';
import { ANY_DATABASE } from './key-memory.js';
import { Priority, type Rule } from './rule.js';
import { Fit, fitOf, isScoped, RuleViews } from './rule-views.js';
import { RunsFilter } from './runs-filter.js';
import { atOnce, forEachSliced, mapSliced, type Sliced } from './slices.js';

const WILDCARDS: ReadonlySet<number> = new Set([STAR, QUESTION, CLASS_OPEN, ESCAPE]);
/** Cost units: comparing a literal, or a plain prefix, costs 1. A bucket that costs more uses the index (`npm run bench:micro -- decide`). */
const FEW = 12;
/** The cost of any other glob, and of one with a filter. */
const GLOB = 3;
const FILTERED = 1;

/** A rule with its precomputed parts. */
export interface CompiledRule extends Rule {
  /** The arguments `PX <ttl>`, encoded; undefined with jitter (then they are made for each write) or without a ttl. */
  readonly pxSuffix: Uint8Array | undefined;
  /** It has a limit or a budget: its slot has a quota. */
  readonly limited: boolean;
  readonly evict: boolean;
}

interface Matcher {
  /** The rule of a key that matches: the glob's rule, or `unregistered` if that rule may or may not apply. */
  readonly rule: CompiledRule;
  readonly glob: Uint8Array;
  /** The glob is this literal, or this literal and a star; undefined: any other shape. */
  readonly literal: Uint8Array | undefined;
  /** It has no star, so nothing may follow the literal. */
  readonly whole: boolean;
  /** Excludes most keys without comparing the glob. */
  readonly filter: GlobFilter | undefined;
}

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

export interface RuleSetOptions {
  /** Built-in rules come last. */
  readonly rules: readonly Rule[];
  /** Priority and mode of keys that no rule matches. */
  readonly unregistered: { readonly priority: Priority; readonly observe: boolean };
}

/** What finds the rules that apply. */
interface Finders {
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

/** The set that this is a view of, and which of its rules apply. */
interface ViewOf {
  readonly of: RuleSet;
  readonly fits: readonly Fit[];
}

export class RuleSet {
  /** All rules, also those that do not apply in this view. */
  readonly rules: readonly CompiledRule[];
  /** Whether a client's database and user decide which rules apply. */
  readonly scoped: boolean;
  /** Stands for a rule that may or may not apply: no TTL, never refused. */
  readonly unsure: CompiledRule;
  private readonly views: RuleViews<RuleSet> | undefined;
  private readonly givenUp: { keys: number };
  /** Stands for "no rule": slot 0, no TTL, neither durable nor limited. */
  readonly unregistered: CompiledRule;
  /** Whether some rule decides about scripts; otherwise they pass unread. */
  readonly governsScripts: boolean;
  private readonly matchers: Finders['matchers'];
  private readonly buckets: Finders['buckets'];
  private readonly index: Finders['index'];
  private readonly behind: Finders['behind'];
  private readonly matchesEmptyKey: Finders['matchesEmptyKey'];

  /** Compiles the rules without a pause. The other arguments are for sliced(). */
  constructor({ rules, unregistered }: RuleSetOptions, view?: ViewOf, made?: Finders) {
    this.rules = view?.of.rules ?? (made === undefined ? rules.map(compileRule) : (rules as CompiledRule[]));
    this.givenUp = view?.of.givenUp ?? { keys: 0 };
    if (view !== undefined) this.views = view.of.views;
    else if (rules.some(isScoped))
      this.views = new RuleViews(rules, (fits) => viewOf({ rules: this.rules, unregistered }, this, fits));
    this.unregistered = unregisteredRule(unregistered);
    this.scoped = this.views !== undefined;
    this.governsScripts = rules.some(({ refusesScripts, scriptTtl }) => refusesScripts || scriptTtl);
    ({
      matchers: this.matchers,
      buckets: this.buckets,
      index: this.index,
      behind: this.behind,
      matchesEmptyKey: this.matchesEmptyKey,
      unsure: this.unsure,
    } = made ?? atOnce(findersOf(this.rules, fitsOf(this.rules), unsureRule(unregistered))));
  }

  /** Compiles the rules, and those of its views that `before` has. */
  static *sliced(options: RuleSetOptions, before?: RuleSet): Sliced<RuleSet> {
    const rules = yield* mapSliced(options.rules, compileRule);
    const made = yield* findersOf(rules, fitsOf(rules), unsureRule(options.unregistered));
    const set = new RuleSet({ ...options, rules }, undefined, made);
    if (before?.views !== undefined) yield* set.views?.makeThoseOf(before.views) ?? [];
    return set;
  }

  /** Keys that were given up because matching took too long: they count as matched by no rule. For all views together. */
  get keysGivenUp(): number {
    return this.givenUp.keys;
  }

  /** The rules for clients of this database and user; ANY_DATABASE, undefined: unknown. */
  view(db: number, user: string | undefined): RuleSet {
    return this.views === undefined ? this : this.views.of(db, user);
  }

  /** The first rule whose glob matches the key buf[start, end), else `unregistered`. */
  find(buf: Uint8Array, start: number, end: number): CompiledRule {
    if (start === end) return this.matchesEmptyKey ?? this.unregistered;
    const bucket = this.buckets[buf[start]];
    if (bucket === undefined) return this.findIndexed(buf, start, end);
    for (let i = 0; i < bucket.length; i++) {
      const { literal, whole, rule } = bucket[i];
      if (literal === undefined) return this.findFrom(i, bucket, buf, start, end);
      if (hasLiteral(literal, whole, buf, start, end)) return rule;
    }
    return this.findBehind(buf, start, end);
  }

  /** A built-in rule, else `unregistered`. */
  private findBehind(buf: Uint8Array, start: number, end: number): CompiledRule {
    if (this.behind === undefined) return this.unregistered;
    const { first, last, ending, runs } = this.behind;
    boundGlobs();
    let bucket = first[buf[start]];
    for (let i = 0; i < bucket.length; i++) {
      if (matches(bucket[i], buf, start, end)) return this.unlessCut(bucket[i].rule);
    }
    bucket = (runs?.excludes(buf, start, end) === true ? ending : last)[buf[end - 1]];
    for (let i = 0; i < bucket.length; i++) {
      if (matches(bucket[i], buf, start, end)) return this.unlessCut(bucket[i].rule);
    }
    return this.unlessCut(this.unregistered);
  }

  /** The same from number `i` of the bucket on, which is not a literal. */
  private findFrom(
    i: number,
    bucket: readonly Matcher[],
    buf: Uint8Array,
    start: number,
    end: number,
  ): CompiledRule {
    boundGlobs();
    for (; i < bucket.length; i++) {
      if (matches(bucket[i], buf, start, end)) return this.unlessCut(bucket[i].rule);
    }
    return globsWereCut() ? this.unlessCut(this.unregistered) : this.findBehind(buf, start, end);
  }

  private findIndexed(buf: Uint8Array, start: number, end: number): CompiledRule {
    boundGlobs();
    const found = this.index?.find(buf, start, end) ?? -1;
    if (found < 0 && !globsWereCut()) return this.findBehind(buf, start, end);
    return this.unlessCut(found < 0 ? this.unregistered : this.matchers[found].rule);
  }

  /** After a glob that was not fully compared, no later one can be the first match. */
  private unlessCut(found: CompiledRule): CompiledRule {
    if (!globsWereCut()) return found;
    this.givenUp.keys++;
    return this.unregistered;
  }
}

function compileRule(rule: Rule): CompiledRule {
  return {
    ...rule,
    pxSuffix: rule.ttlMs > 0 && rule.jitter === 0 ? encodePx(rule.ttlMs) : undefined,
    limited: rule.limit !== undefined || rule.budget !== undefined,
    evict: rule.evict ?? false,
  };
}

type Unregistered = RuleSetOptions['unregistered'];

function unregisteredRule(unregistered: Unregistered): CompiledRule {
  return {
    name: 'unregistered',
    slot: 0,
    globs: [],
    ttlMs: 0,
    maxTtlMs: 0,
    jitter: 0,
    durable: false,
    applyToAll: false,
    ...{ refusesScripts: false, scriptTtl: false },
    renew: false,
    evict: false,
    pxSuffix: undefined,
    limited: false,
    ...unregistered,
  };
}

function unsureRule(unregistered: Unregistered): CompiledRule {
  return { ...unregisteredRule(unregistered), priority: Priority.CRITICAL };
}

/** Which rules apply to a client about which nothing is known. */
function fitsOf(rules: readonly Rule[]): Fit[] {
  return rules.map((rule) => fitOf(rule, ANY_DATABASE, undefined));
}

function* viewOf(options: RuleSetOptions, of: RuleSet, fits: readonly Fit[]): Sliced<RuleSet> {
  const made = yield* findersOf(of.rules, fits, of.unsure);
  return new RuleSet(options, { of, fits }, made);
}

/** `unsure`: stands for a rule that may or may not apply. */
function* findersOf(
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

function compileGlob(rule: CompiledRule, glob: Uint8Array): Matcher {
  const whole = glob[glob.length - 1] !== STAR;
  const literal = whole ? glob : glob.subarray(0, -1);
  const isLiteral = literal.length > 0 && !literal.some((byte) => WILDCARDS.has(byte));
  return { rule, glob, whole, literal: isLiteral ? literal : undefined, filter: GlobFilter.of(glob) };
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

function matches(
  { literal, whole, filter, glob }: Matcher,
  buf: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (literal !== undefined) return hasLiteral(literal, whole, buf, start, end);
  if (filter?.excludes(buf, start, end) === true) return false;
  return globMatchesWithin(glob, buf, start, end);
}

/** Whether the key begins with the literal, or is the literal. The first byte has led to the bucket, so it is the same. */
function hasLiteral(
  literal: Uint8Array,
  whole: boolean,
  buf: Uint8Array,
  start: number,
  end: number,
): boolean {
  const { length } = literal;
  if (whole ? end - start !== length : end - start < length) return false;
  for (let i = 1; i < length; i++) if (buf[start + i] !== literal[i]) return false;
  return true;
}
