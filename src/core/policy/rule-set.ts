// The compiled rules: finds the first rule that matches a key. Immutable; a reload replaces the whole set.
// Globs are in buckets by the first byte of the key (rule-finders.ts). In a small bucket they are tried in order, which is fastest there.
// Otherwise an index finds the first match, in time that hardly depends on the number of globs. Built-in rules have buckets of
// their own, which are tried if no rule of the config matches.
// If rules name databases or users, view() gives the rules for one client (rule-views.ts). The set itself is then the view for
// a client whose database and user are unknown.
// Invariant: the first match wins, in the order of the rules.
import {
  type CompiledRule,
  compileRule,
  type Unregistered,
  unregisteredRule,
  unsureRule,
} from './compiled-rule.js';
import { boundGlobs, globsWereCut } from './glob.js';
import { ANY_DATABASE } from './key-memory.js';
import { hasLiteral, type Matcher, matches } from './matcher.js';
import type { Rule } from './rule.js';
import { type Finders, findersOf } from './rule-finders.js';
import { type Fit, fitOf, isScoped, RuleViews } from './rule-views.js';
import { atOnce, mapSliced, type Sliced } from './slices.js';

export interface RuleSetOptions {
  /** Built-in rules come last. */
  readonly rules: readonly Rule[];
  /** Priority and mode of keys that no rule matches. */
  readonly unregistered: Unregistered;
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

/** Which rules apply to a client about which nothing is known. */
function fitsOf(rules: readonly Rule[]): Fit[] {
  return rules.map((rule) => fitOf(rule, ANY_DATABASE, undefined));
}

function* viewOf(options: RuleSetOptions, of: RuleSet, fits: readonly Fit[]): Sliced<RuleSet> {
  const made = yield* findersOf(of.rules, fits, of.unsure);
  return new RuleSet(options, { of, fits }, made);
}
