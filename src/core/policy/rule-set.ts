// The compiled rules: finds the first rule that matches a key. Immutable; a reload replaces the whole set.
// Globs are in buckets by the first byte of the key. In a small bucket they are tried in order, which is fastest there.
// Otherwise an index finds the first match, in time that hardly depends on the number of globs.
// Invariant: in a bucket the matchers are in the order of the rules, so the first match wins.
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
import { GlobIndex } from './glob-index.js';
import type { Priority, Rule } from './rule.js';

const WILDCARDS: ReadonlySet<number> = new Set([STAR, QUESTION, CLASS_OPEN, ESCAPE]);
/** Cost units: comparing a plain prefix costs 1. A bucket that costs more uses the index (`npm run bench:micro -- decide`). */
const FEW = 8;
/** The cost of any other glob. */
const GLOB = 3;

/** A rule with its precomputed parts. */
export interface CompiledRule extends Rule {
  /** The arguments `PX <ttl>`, encoded; undefined with jitter (then they are made for each write) or without a ttl. */
  readonly pxSuffix: Uint8Array | undefined;
  /** It has a limit or a budget: there is a quota of its slot. */
  readonly limited: boolean;
}

interface Matcher {
  readonly rule: CompiledRule;
  readonly glob: Uint8Array;
  /** The glob is this literal and a star; undefined: any other shape. */
  readonly prefix: Uint8Array | undefined;
}

export interface RuleSetOptions {
  readonly rules: readonly Rule[];
  /** Priority and mode of keys that no rule matches. */
  readonly unregistered: { readonly priority: Priority; readonly observe: boolean };
}

export class RuleSet {
  readonly rules: readonly CompiledRule[];
  /** Keys given up because matching took too long: they count as matched by no rule. */
  keysGivenUp = 0;
  /** Stands for "no rule": slot 0, no TTL, neither durable nor limited. */
  readonly unregistered: CompiledRule;
  /** Some rule has a say in scripts; otherwise they pass unread. */
  readonly governsScripts: boolean;
  private readonly matchers: readonly Matcher[];
  /** By first byte; undefined: too many, see the index. */
  private readonly buckets: readonly (readonly Matcher[] | undefined)[];
  private readonly index: GlobIndex | undefined;
  private readonly matchesEmptyKey: CompiledRule | undefined;

  constructor({ rules, unregistered }: RuleSetOptions) {
    this.rules = rules.map((rule) => ({
      ...rule,
      pxSuffix: rule.ttlMs > 0 && rule.jitter === 0 ? encodePx(rule.ttlMs) : undefined,
      limited: rule.limit !== undefined || rule.budget !== undefined,
    }));
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
      pxSuffix: undefined,
      limited: false,
      ...unregistered,
    };
    this.governsScripts = rules.some(({ refusesScripts, scriptTtl }) => refusesScripts || scriptTtl);
    this.matchers = this.rules.flatMap((rule) => rule.globs.map((glob) => compileGlob(rule, glob)));
    this.buckets = Array.from({ length: 256 }, (_, byte) => bucketOf(this.matchers, byte));
    this.index = this.buckets.includes(undefined)
      ? new GlobIndex(this.matchers.map(({ glob }) => glob))
      : undefined;
    this.matchesEmptyKey = this.matchers.find(({ glob }) => globMatches(glob, glob, 0, 0))?.rule;
  }

  /** The first rule whose glob matches the key buf[start, end), else `unregistered`. */
  find(buf: Uint8Array, start: number, end: number): CompiledRule {
    if (start === end) return this.matchesEmptyKey ?? this.unregistered;
    const bucket = this.buckets[buf[start]];
    if (bucket === undefined) return this.findIndexed(buf, start, end);
    for (let i = 0; i < bucket.length; i++) {
      const { prefix, rule } = bucket[i];
      if (prefix === undefined) return this.findFrom(i, bucket, buf, start, end);
      if (hasPrefix(prefix, buf, start, end)) return rule;
    }
    return this.unregistered;
  }

  /** The same from number `i` of the bucket on, which is not a prefix. */
  private findFrom(
    i: number,
    bucket: readonly Matcher[],
    buf: Uint8Array,
    start: number,
    end: number,
  ): CompiledRule {
    boundGlobs();
    for (; i < bucket.length; i++) {
      const { prefix, glob, rule } = bucket[i];
      const matches =
        prefix === undefined ? globMatchesWithin(glob, buf, start, end) : hasPrefix(prefix, buf, start, end);
      if (matches) return this.unlessCut(rule);
    }
    return this.unlessCut(this.unregistered);
  }

  private findIndexed(buf: Uint8Array, start: number, end: number): CompiledRule {
    boundGlobs();
    const found = this.index?.find(buf, start, end) ?? -1;
    return this.unlessCut(found < 0 ? this.unregistered : this.matchers[found].rule);
  }

  /** After a glob that was not compared to its end, no later one can be the first match. */
  private unlessCut(found: CompiledRule): CompiledRule {
    if (!globsWereCut()) return found;
    this.keysGivenUp++;
    return this.unregistered;
  }
}

function compileGlob(rule: CompiledRule, glob: Uint8Array): Matcher {
  const literal = glob.subarray(0, -1);
  const isPrefix =
    glob.length > 1 && glob[glob.length - 1] === STAR && !literal.some((byte) => WILDCARDS.has(byte));
  return { rule, glob, prefix: isPrefix ? literal : undefined };
}

/** The globs that a key with this first byte can match; undefined: trying them takes too long. */
function bucketOf(matchers: readonly Matcher[], byte: number): Matcher[] | undefined {
  const bucket: Matcher[] = [];
  let time = 0;
  for (const matcher of matchers) {
    if (!canBegin(matcher.glob, byte)) continue;
    time += matcher.prefix === undefined ? GLOB : 1;
    if (time > FEW) return undefined;
    bucket.push(matcher);
  }
  return bucket;
}

function canBegin(glob: Uint8Array, byte: number): boolean {
  return glob.length > 0 && (WILDCARDS.has(glob[0]) || glob[0] === byte);
}

function hasPrefix(prefix: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 1; i < prefix.length; i++) if (buf[start + i] !== prefix[i]) return false;
  return true;
}
