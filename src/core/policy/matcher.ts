// A glob of a rule, prepared for comparison: a literal or a plain prefix is compared by itself, most keys that do not match any
// other glob are excluded by its filter.
import type { CompiledRule } from './compiled-rule.js';
import { CLASS_OPEN, ESCAPE, globMatchesWithin, QUESTION, STAR } from './glob.js';
import { GlobFilter } from './glob-filter.js';

/** Bytes that are no literal. */
export const WILDCARDS: ReadonlySet<number> = new Set([STAR, QUESTION, CLASS_OPEN, ESCAPE]);

export interface Matcher {
  /** The rule of a key that matches: the glob's rule, or the set's `unsure` if that rule may or may not apply. */
  readonly rule: CompiledRule;
  readonly glob: Uint8Array;
  /** The glob is this literal, or this literal and a star; undefined: any other shape. */
  readonly literal: Uint8Array | undefined;
  /** It has no star, so nothing may follow the literal. */
  readonly whole: boolean;
  /** Excludes most keys without comparing the glob. */
  readonly filter: GlobFilter | undefined;
}

export function compileGlob(rule: CompiledRule, glob: Uint8Array): Matcher {
  const whole = glob[glob.length - 1] !== STAR;
  const literal = whole ? glob : glob.subarray(0, -1);
  const isLiteral = literal.length > 0 && !literal.some((byte) => WILDCARDS.has(byte));
  return { rule, glob, whole, literal: isLiteral ? literal : undefined, filter: GlobFilter.of(glob) };
}

/** Whether buf[start, end) matches. It works within the bounds that boundGlobs() of glob.ts has set. */
export function matches(
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
export function hasLiteral(
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
