// The compiled rules: finds the first rule that matches a key. Immutable; a reload replaces the whole set.
// Globs are in buckets by the first byte of the key. In a small bucket they are tried in order, which is fastest there.
// Otherwise an index finds the first match, in time that hardly depends on the number of globs.
// Built-in rules have buckets of their own, which are tried when no rule of the config matches.
// Where rules name databases or users, view() gives the rules of one client (rule-views.ts). The set itself is then the view of
// a client of whom neither is known.
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
  /** It has a limit or a budget: there is a quota of its slot. */
  readonly limited: boolean;
  readonly evict: boolean;
}

interface Matcher {
  /** Whose key it is: the glob's rule, or `unregistered` where that may count or not. */
  readonly rule: CompiledRule;
  readonly glob: Uint8Array;
  /** The glob is this literal, or this literal and a star; undefined: any other shape. */
  readonly literal: Uint8Array | undefined;
  /** It has no star, so nothing may stand behind the literal. */
  readonly whole: boolean;
  /** Excludes most keys without comparing the glob. */
  readonly filter: GlobFilter | undefined;
}

/** The globs of built-in rules: by first byte, and those that begin with a star by last byte. They are few, so there is no index. */
interface Behind {
  readonly first: readonly (readonly Matcher[])[];
  readonly last: readonly (readonly Matcher[])[];
  /** Of `last`, without the globs that also end with a star. Each of these asks for one of the runs. */
  readonly ending: readonly (readonly Matcher[])[];
  /** undefined: there is no such glob, or nothing excludes keys quickly. */
  readonly runs: RunsFilter | undefined;
}

export interface RuleSetOptions {
  /** Built-in ones come last. */
  readonly rules: readonly Rule[];
  /** Priority and mode of keys that no rule matches. */
  readonly unregistered: { readonly priority: Priority; readonly observe: boolean };
}

export class RuleSet {
  /** All rules, also those that do not count in this view. */
  readonly rules: readonly CompiledRule[];
  /** Which rules count depends on a client's database and user. */
  readonly scoped: boolean;
  /** Stands for a rule that may count or not: no TTL, never refused. */
  readonly unsure: CompiledRule;
  private readonly views: RuleViews<RuleSet> | undefined;
  private readonly givenUp: { keys: number };
  /** Stands for "no rule": slot 0, no TTL, neither durable nor limited. */
  readonly unregistered: CompiledRule;
  /** Some rule has a say in scripts; otherwise they pass unread. */
  readonly governsScripts: boolean;
  private readonly matchers: readonly Matcher[];
  /** By first byte; undefined: too many, see the index. */
  private readonly buckets: readonly (readonly Matcher[] | undefined)[];
  private readonly index: GlobIndex | undefined;
  /** undefined: there are no built-in rules. */
  private readonly behind: Behind | undefined;
  private readonly matchesEmptyKey: CompiledRule | undefined;

  /** `view`: the set that this is a view of, and which of its rules count. */
  constructor(
    { rules, unregistered }: RuleSetOptions,
    view?: { readonly of: RuleSet; readonly fits: readonly Fit[] },
  ) {
    this.rules =
      view?.of.rules ??
      rules.map((rule) => ({
        ...rule,
        pxSuffix: rule.ttlMs > 0 && rule.jitter === 0 ? encodePx(rule.ttlMs) : undefined,
        limited: rule.limit !== undefined || rule.budget !== undefined,
        evict: rule.evict ?? false,
      }));
    this.givenUp = view?.of.givenUp ?? { keys: 0 };
    const fits = view?.fits ?? rules.map((rule) => fitOf(rule, ANY_DATABASE, undefined));
    if (view !== undefined) this.views = view.of.views;
    else if (rules.some(isScoped))
      this.views = new RuleViews(
        rules,
        (fits) => new RuleSet({ rules: this.rules, unregistered }, { of: this, fits }),
      );
    this.unregistered = {
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
    this.scoped = this.views !== undefined;
    this.unsure = view?.of.unsure ?? { ...this.unregistered, priority: Priority.CRITICAL };
    this.governsScripts = rules.some(({ refusesScripts, scriptTtl }) => refusesScripts || scriptTtl);
    const counting = this.rules.flatMap((rule, i) =>
      fits[i] === Fit.NO
        ? []
        : [{ globs: rule.globs, builtIn: rule.builtIn, as: fits[i] === Fit.YES ? rule : this.unsure }],
    );
    this.matchers = matchersOf(counting.filter(({ builtIn }) => builtIn !== true));
    this.buckets = Array.from({ length: 256 }, (_, byte) => bucketOf(this.matchers, byte));
    const behind = matchersOf(counting.filter(({ builtIn }) => builtIn === true));
    this.behind = behind.length > 0 ? behindOf(behind) : undefined;
    this.index = this.buckets.includes(undefined)
      ? new GlobIndex(
          this.matchers.map(({ glob }) => glob),
          this.matchers.map(({ filter }) => filter),
        )
      : undefined;
    this.matchesEmptyKey = [...this.matchers, ...behind].find(({ glob }) =>
      globMatches(glob, glob, 0, 0),
    )?.rule;
  }

  /** Keys given up because matching took too long: they count as matched by no rule. Of all views together. */
  get keysGivenUp(): number {
    return this.givenUp.keys;
  }

  /** The rules for clients of this database and user; ANY_DATABASE, undefined: not known. */
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

  /** After a glob that was not compared to its end, no later one can be the first match. */
  private unlessCut(found: CompiledRule): CompiledRule {
    if (!globsWereCut()) return found;
    this.givenUp.keys++;
    return this.unregistered;
  }
}

/** `as`: the rule that stands for it. */
function matchersOf(rules: readonly (Pick<Rule, 'globs'> & { readonly as: CompiledRule })[]): Matcher[] {
  return rules.flatMap(({ globs, as }) => globs.map((glob) => compileGlob(as, glob)));
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

/** The globs that a key with this first byte can match; undefined: trying them takes too long. */
function bucketOf(matchers: readonly Matcher[], byte: number): Matcher[] | undefined {
  const bucket: Matcher[] = [];
  let time = 0;
  for (const matcher of matchers) {
    if (!canBegin(matcher.glob, byte)) continue;
    time += matcher.literal !== undefined ? 1 : matcher.filter === undefined ? GLOB : FILTERED;
    if (time > FEW) return undefined;
    bucket.push(matcher);
  }
  return bucket;
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
