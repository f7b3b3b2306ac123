// The gate that growing writes pass under memory pressure: numbers only, read on the hot path.
// memory/pressure writes them after each reading; the policy never computes a pressure itself.
// Invariants: thresholds are 0 … 2^32; threshold[CRITICAL] is whatever its bands say (0 when "never").
import type { Priority } from './rule.js';

/** One more than the largest 32-bit hash: a threshold of ALL sheds every key. */
export const ALL = 2 ** 32;

/**
 * Only writes from this size on are measured against the headroom: a small one that overshoots does no harm,
 * and many small ones overwrite what is there.
 */
const LARGE_WRITE_BYTES = 64 * 1024;
/** While a large argument arrives, Redis holds it and an empty buffer of its size for the next one (networking.c). */
const HELD_TIMES = 2;

export class ShedGate {
  /** False while nothing at all can be refused: then refuses() need not be called. */
  active = false;
  /** Some threshold is above 0: a key may decide, so all keys of a write must be known. */
  byKey = false;
  /** By priority: a key whose hash is below the threshold is shed. */
  readonly thresholds = new Float64Array(4);
  /** By priority: bytes left up to the limit where Redis itself would refuse; Infinity where it would not. */
  readonly headroom = new Float64Array(4).fill(Number.POSITIVE_INFINITY);
  /** Growth forwarded so far, estimated bytes, cumulative. */
  admitted = 0;
  /**
   * How many gates stand before the same server. What passes here is taken to pass each of them, until its owner has
   * heard of the others and sets `admitted` right.
   */
  gates = 1;
  /** Part of `admitted` whose replies have been seen: Redis has it in used_memory for certain. */
  answered = 0;
  /** When `admitted` passes this, onGrowth is called: the next band edge, or a step on the way to it. */
  wakeAt = Number.POSITIVE_INFINITY;
  /** Set by the owner of the gate; recomputes thresholds and sets a new wakeAt. */
  onGrowth: () => void = () => {};

  /** Whether a growing write of about `growth` bytes whose deciding key hashes to `hash` must be refused. */
  refuses(priority: Priority, hash: number, growth: number): boolean {
    return (
      hash < this.thresholds[priority] ||
      (HELD_TIMES * growth > this.headroom[priority] && growth >= LARGE_WRITE_BYTES)
    );
  }

  /** A growing write of about `growth` bytes is being forwarded. */
  grow(growth: number): void {
    this.admitted += growth * this.gates;
    if (this.admitted >= this.wakeAt) this.onGrowth();
  }
}
