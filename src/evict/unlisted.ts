// How much memory SCAN can find: keys of rules with evict that no ring knows, from before the start, written by others, or
// forgotten by a full ring. Random keys show the least amount. Their noise must not look like growth, so the estimate follows
// them slowly; keys that a ring forgets and keys that SCAN unlinks change it at once.
// Pure. Invariants: never below 0, nor above used memory; 0 while random keys show nothing.
import type { RuleStock } from './candidates.js';
import type { Progress } from './hands.js';

export interface UnlistedFacts {
  /** The slots of the rules that make room. */
  readonly slots: Iterable<number>;
  /** The least memory of the rule's keys, by random keys; undefined: unknown. */
  readonly sampled: (slot: number) => number | undefined;
  /** Bytes of keys found by SCAN that were unlinked, as a sum. */
  readonly unlinked: number;
  readonly usedBytes: number;
}

/** After about this time a difference from the random keys is gone. */
const FOLLOWS_MS = 10_000;

export class Unlisted {
  bytes = 0;
  private forgotten = 0;
  private unlinked = 0;
  /** When random keys last changed it; undefined: they have shown nothing yet. */
  private followedAt: number | undefined;

  /** Random keys have shown something. */
  get isKnown(): boolean {
    return this.followedAt !== undefined;
  }

  /** The present figures of the rings and of the random keys. */
  see({ stock, ring }: Pick<Progress, 'stock' | 'ring'>, facts: UnlistedFacts, now: number): void {
    const { unlinked, usedBytes } = facts;
    const forgotten = Math.max(0, ring.dropped - this.forgotten) * meanOf(stock);
    const changed = forgotten - (unlinked - this.unlinked);
    this.forgotten = ring.dropped;
    this.unlinked = unlinked;
    const sampled = sampledBytes(stock, facts);
    if (sampled === undefined) this.startOver();
    else this.follow(changed, sampled, now);
    this.bytes = Math.min(usedBytes, Math.max(0, this.bytes));
  }

  /** Forgets everything: other rules apply. */
  startOver(): void {
    this.bytes = 0;
    this.followedAt = undefined;
  }

  private follow(changed: number, sampled: number, now: number): void {
    const { followedAt } = this;
    const lead = followedAt === undefined ? 1 : Math.min(1, (now - followedAt) / FOLLOWS_MS);
    this.followedAt = now;
    const bytes = this.bytes + changed;
    this.bytes = bytes + (sampled - bytes) * lead;
  }
}

/** The memory of the rules' keys beyond what the rings know. */
function sampledBytes(stock: readonly RuleStock[], { slots, sampled }: UnlistedFacts): number | undefined {
  const listed = new Map(stock.map(({ slot, bytes }) => [slot, bytes]));
  let sum: number | undefined;
  for (const slot of slots) {
    const least = sampled(slot);
    if (least !== undefined) sum = (sum ?? 0) + Math.max(0, least - (listed.get(slot) ?? 0));
  }
  return sum;
}

function meanOf(stock: readonly RuleStock[]): number {
  const keys = stock.reduce((sum, rule) => sum + rule.keys, 0);
  return keys > 0 ? stock.reduce((sum, { bytes }) => sum + bytes, 0) / keys : 0;
}
