// How long the keys of a group live before they are evicted: from random keys, by how much of their TTL is left. If all keys
// have the same TTL, the missing part is a key's age since its last write. If keys come and go steadily, the share that is
// younger than some age is that age divided by the mean life (renewal theory: the density of ages at 0 is one over the mean
// life). So the mean life is the oldest age in the youngest quarter, times four.
// The TTL is the rule's, unless the keys contradict it; then it is the longest that is left of any.
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: at most PER_GROUP samples of a group, and GROUPS groups; there is no result from fewer than LEAST samples, or if
// the ages are not those of keys with one TTL (more old ones than young ones).

/** How long the keys of a group live, and of which TTL; an estimate. */
export interface Lifetime {
  livesSeconds: number;
  ofSeconds: number;
  /** Half of the 95% confidence interval. */
  errorSeconds: number;
}

const PER_GROUP = 512;
const GROUPS = 512;
const LEAST = 64;
const LONGEST_MS = 300_000;
/**
 * The part of the samples, youngest first, whose oldest age is used: a smaller part is less certain, a larger one is distorted
 * by keys that die early.
 */
const PART = 0.25;
/** If keys come and go steadily, at least half of them are in the younger half of the ages; less this much, for chance. */
const LEAST_YOUNG = 0.35;
/** A TTL may be this much longer than the rule's: it was given a moment ago, by another clock. */
const SLACK_MS = 1000;
/** 95% of a normal distribution lie within this many standard deviations. */
const Z = 1.96;

interface Left {
  readonly at: Float64Array;
  readonly ms: Float64Array;
  next: number;
  used: number;
}

export class Lifetimes<G> {
  private readonly groups = new Map<G, Left>();

  /** A random key of `group` that has this much left of its TTL. */
  add(group: G, leftMs: number, now: number): void {
    let left = this.groups.get(group);
    if (left === undefined) {
      if (this.groups.size >= GROUPS) return;
      left = { at: new Float64Array(PER_GROUP), ms: new Float64Array(PER_GROUP), next: 0, used: 0 };
      this.groups.set(group, left);
    }
    left.at[left.next] = now;
    left.ms[left.next] = leftMs;
    left.next = (left.next + 1) % PER_GROUP;
    left.used = Math.min(PER_GROUP, left.used + 1);
  }

  /** Forgets everything: the groups are others now. */
  clear(): void {
    this.groups.clear();
  }

  /** `ttlMs`: the TTL that the rule gives, and how much it varies among keys; 0: none. null: unknown. */
  of(group: G, ttlMs: number, spreadMs: number, now: number): Lifetime | null {
    const left = this.groups.get(group);
    if (left === undefined) return null;
    const all = [...left.ms.subarray(0, left.used)];
    const leftMs = all.filter((_, i) => now - left.at[i] <= LONGEST_MS).sort((a, b) => b - a);
    if (leftMs.length === 0) this.groups.delete(group);
    if (leftMs.length < LEAST) return null;
    const [longest] = leftMs;
    const ofRule =
      ttlMs > 0 && spreadMs === 0 && longest <= ttlMs + SLACK_MS ? livesOf(leftMs, ttlMs, 0) : null;
    return ofRule ?? livesOf(leftMs, longest, spreadMs);
  }
}

/** `leftMs`: longest first, so youngest first. */
function livesOf(leftMs: readonly number[], ttlMs: number, spreadMs: number): Lifetime | null {
  const ages = leftMs.map((ms) => Math.max(0, ttlMs - ms));
  const oldest = ages.at(-1) as number;
  const young = ages.filter((age) => age <= oldest / 2).length;
  if (young < LEAST_YOUNG * ages.length) return null;
  const rank = Math.floor(PART * ages.length);
  // The youngest quarter may be no younger than the others: their TTLs differ by more.
  if (ages[rank] < spreadMs) return null;
  const livesMs = Math.min(ttlMs, ages[rank] / PART);
  const error = Z * Math.sqrt((1 - PART) / (PART * ages.length));
  return {
    livesSeconds: livesMs / 1000,
    ofSeconds: ttlMs / 1000,
    errorSeconds: (error * livesMs) / 1000,
  };
}
