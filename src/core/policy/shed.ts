// The gate that growing writes pass under memory pressure: numbers only, read on the hot path.
// memory/pressure writes them after each reading; the policy never computes a pressure itself.
// Invariants: thresholds are 0 … 2^32; threshold[CRITICAL] is whatever its bands say (0 when "never").
import { GrowthLedger } from './growth-ledger.js';
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

export class ShedGate extends GrowthLedger {
  /** False while nothing at all can be refused: then refuses() need not be called. */
  active = false;
  /** Some threshold is above 0: a key may decide, so all keys of a write must be known. */
  byKey = false;
  /** By priority: a key whose hash is below the threshold is shed. */
  readonly thresholds = new Float64Array(4);
  /** By priority: bytes left up to the limit where Redis itself would refuse; Infinity where it would not. */
  readonly headroom = new Float64Array(4).fill(Number.POSITIVE_INFINITY);
  /** Commands that may free memory or change its limit: how many have gone up, and how many were answered. */
  reliefs = 0;
  reliefsAnswered = 0;
  /** Set by the owner. `answered`: a reply has come behind which memory may be less; else one more has gone up. */
  onRelief: (answered: boolean) => void = () => {};

  /** Whether a growing write of `size` bytes on the wire whose deciding key hashes to `hash` must be refused. */
  refuses(priority: Priority, hash: number, size: number): boolean {
    return (
      hash < this.thresholds[priority] ||
      (size >= LARGE_WRITE_BYTES && HELD_TIMES * size > this.headroom[priority])
    );
  }

  /** Refuses nothing, and measures nothing against the headroom. */
  open(): void {
    this.active = false;
    this.byKey = false;
    this.thresholds.fill(0);
    this.headroom.fill(Number.POSITIVE_INFINITY);
    this.wakeAt = Number.POSITIVE_INFINITY;
  }
}
