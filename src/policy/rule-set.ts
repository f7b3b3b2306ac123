// The compiled rules: key bytes in, first matching rule out. Immutable; a reload swaps the whole set.
// Rules are bucketed by the first byte a key must have, so that a key meets only rules that could match it.
// Invariant: inside a bucket, matchers stand in the order of the rules, so "first match wins" holds.
import { encodePx } from '../resp/encode.js';
import { globMatches } from './glob.js';
import type { Priority, Rule } from './rule.js';

const WILDCARDS = new Set('*?[\\'.split('').map((char) => char.charCodeAt(0)));
const STAR = 0x2a;

/** A rule with what can be computed once. */
export interface CompiledRule extends Rule {
  /** The two arguments `PX <ttl>` as they go into a command; undefined with jitter (made per write) or without a ttl. */
  readonly pxSuffix: Uint8Array | undefined;
}

interface Matcher {
  readonly rule: CompiledRule;
  readonly glob: Uint8Array;
  /** The glob is this literal and a star; undefined: any other shape. */
  readonly prefix: Uint8Array | undefined;
}

export interface RuleSetOptions {
  readonly rules: readonly Rule[];
  /** What keys that no rule matches are subject to. */
  readonly unregistered: { readonly priority: Priority; readonly observe: boolean };
}

export class RuleSet {
  readonly rules: readonly CompiledRule[];
  /** Stands for "no rule": slot 0, no TTL, neither durable nor limited. */
  readonly unregistered: CompiledRule;
  private readonly buckets: readonly (readonly Matcher[])[];
  private readonly matchesEmptyKey: CompiledRule | undefined;

  constructor({ rules, unregistered }: RuleSetOptions) {
    this.rules = rules.map((rule) => ({
      ...rule,
      pxSuffix: rule.ttlMs > 0 && rule.jitter === 0 ? encodePx(rule.ttlMs) : undefined,
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
      pxSuffix: undefined,
      ...unregistered,
    };
    const matchers = this.rules.flatMap((rule) => rule.globs.map((glob) => compileGlob(rule, glob)));
    this.buckets = Array.from({ length: 256 }, (_, byte) =>
      matchers.filter(({ glob }) => canBegin(glob, byte)),
    );
    this.matchesEmptyKey = matchers.find(({ glob }) => globMatches(glob, glob, 0, 0))?.rule;
  }

  /** The first rule whose glob matches the key buf[start, end), else `unregistered`. */
  find(buf: Uint8Array, start: number, end: number): CompiledRule {
    if (start === end) return this.matchesEmptyKey ?? this.unregistered;
    const bucket = this.buckets[buf[start]];
    for (let i = 0; i < bucket.length; i++) {
      const matcher = bucket[i];
      const matches =
        matcher.prefix === undefined
          ? globMatches(matcher.glob, buf, start, end)
          : hasPrefix(matcher.prefix, buf, start, end);
      if (matches) return matcher.rule;
    }
    return this.unregistered;
  }
}

function compileGlob(rule: CompiledRule, glob: Uint8Array): Matcher {
  const literal = glob.subarray(0, -1);
  const isPrefix =
    glob.length > 1 && glob[glob.length - 1] === STAR && !literal.some((byte) => WILDCARDS.has(byte));
  return { rule, glob, prefix: isPrefix ? literal : undefined };
}

function canBegin(glob: Uint8Array, byte: number): boolean {
  return glob.length > 0 && (WILDCARDS.has(glob[0]) || glob[0] === byte);
}

function hasPrefix(prefix: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 1; i < prefix.length; i++) if (buf[start + i] !== prefix[i]) return false;
  return true;
}
