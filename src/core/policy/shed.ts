// The gate: the numbers on the hot path that say which growing writes are shed. memory/pressure writes them after each reading;
// the policy only reads them.
// Invariants: thresholds are 0 … 2^32; the threshold of CRITICAL follows its band like the others (0 with "never").
import { BriefWrites } from './brief.js';
import { GrowthLedger } from './growth-ledger.js';
import { Refusal } from './refusal.js';
import type { Priority } from './rule.js';

/** One more than the largest 32-bit hash: a threshold of ALL sheds every key. */
export const ALL = 2 ** 32;

/**
 * Only writes of this size and above are compared with the headroom. A small write beyond the limit does no harm, and many
 * small writes overwrite existing data.
 */
const LARGE_WRITE_BYTES = 64 * 1024;
/** While a large argument arrives, Redis holds it and allocates an empty buffer of its size for the next (networking.c). */
const HELD_TIMES = 2;

export class ShedGate extends GrowthLedger {
  /** False: nothing can be refused, so refusal() need not be called. */
  active = false;
  /** Some threshold is above 0: the decision depends on the keys, so all keys of a write must be known. */
  byKey = false;
  /** By priority: a key whose share hash (policy/hash) is below the threshold is shed. */
  readonly thresholds = new Float64Array(4);
  /** By priority: the threshold by its band alone. Keys between the two thresholds are shed for the reserve. */
  readonly byBand = new Float64Array(4).fill(ALL);
  /** By priority: bytes left up to the limit at which Redis itself refuses; Infinity: Redis does not refuse. */
  readonly headroom = new Float64Array(4).fill(Number.POSITIVE_INFINITY);
  /** The server evicts keys with a TTL, and can evict enough of them: writes that leave a TTL are not refused. */
  sparesExpiring = false;
  /** By slot: 1 if the keys of the rule do not grow (observe/holders). */
  steady = new Uint8Array(0);
  /** The small, short-lived writes that were spared. */
  readonly brief = new BriefWrites();
  /** Commands that may free memory or change its limit: how many have gone up, and how many were answered. */
  reliefs = 0;
  reliefsAnswered = 0;
  /** Set by the owner. `answered`: the reply to such a command has come; otherwise one more was sent. */
  onRelief: (answered: boolean) => void = () => {};

  /** Whether only a share of this priority's keys is shed, or is by its band alone: then refusal() depends on `share`. */
  splits(priority: Priority): boolean {
    const threshold = this.thresholds[priority];
    return threshold > 0 && (threshold < ALL || this.byBand[priority] < ALL);
  }

  /** Whether, and why, the pressure refuses a growing write of `size` bytes on the wire to a key with the share hash `share`. */
  refusal(priority: Priority, share: number, size: number): Refusal {
    if (share < this.thresholds[priority]) {
      return share < this.byBand[priority] ? Refusal.BAND : Refusal.RESERVE;
    }
    return this.fits(priority, size) ? Refusal.NONE : Refusal.HEADROOM;
  }

  /** Whether a write of `size` bytes on the wire fits below the limit. */
  fits(priority: Priority, size: number): boolean {
    return size < LARGE_WRITE_BYTES || HELD_TIMES * size <= this.headroom[priority];
  }

  /** Opens the gate: nothing is refused. */
  open(): void {
    this.active = false;
    this.byKey = false;
    this.thresholds.fill(0);
    this.headroom.fill(Number.POSITIVE_INFINITY);
    this.wakeAt = Number.POSITIVE_INFINITY;
  }
}

/** 1 at each of the slots. */
export function flags(slots: readonly number[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(slots.reduce((most, slot) => Math.max(most, slot + 1), 0));
  for (const slot of slots) all[slot] = 1;
  return all;
}
