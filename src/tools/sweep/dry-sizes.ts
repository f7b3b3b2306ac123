// How much memory the keys that a dry run finds due hold, and when they would expire: the memory that --apply gets back, and
// when. Sizes come from a part of the keys: MEMORY USAGE takes longer than all other questions together. Pure.
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import { drawSweptTtl } from './draw-ttl.js';

/** Of each page, the size of the first key and of every eighth after it is asked for. */
const EVERY = 8;

/** Whether to ask for the size of the key at this place of a page. */
export function isSized(place: number): boolean {
  return place % EVERY === 0;
}

/** The sizes of some due keys of a rule. */
export class DueSizes {
  private keys = 0;
  private bytes = 0;

  add(bytes: number): void {
    this.keys++;
    this.bytes += bytes;
  }

  /** The memory of this many due keys; null: no size is known. */
  estimate(due: number): number | null {
    if (due === 0) return 0;
    return this.keys === 0 ? null : Math.round((this.bytes / this.keys) * due);
  }
}

/** The shortest and the longest TTL, in milliseconds, that a sweep gives to keys of this rule. */
export function ttlRange(rule: CompiledRule, spread: number, mostMs?: number): readonly [number, number] {
  const at = (random: number) => drawSweptTtl(rule, spread, () => random, mostMs);
  return [at(0), at(1 - Number.EPSILON)];
}
