// How much memory SCAN can find: keys of rules with evict that no ring knows, from before the start, written by others, or
// forgotten by a full ring. Random keys say how much there is at least; their scatter must not look like growth, so the
// estimate follows them slowly, and what a ring forgets and what SCAN unlinks changes it at once.
// Pure. Invariants: never below 0, nor above used memory; 0 while random keys say nothing.
import type { RuleStock } from './candidates.js';
import type { Progress } from './hands.js';

export interface UnlistedFacts {
  /** Of the rules that make room. */
  readonly slots: Iterable<number>;
  /** What the keys of the rule hold at least, by random keys; undefined: it is not known. */
  readonly sampled: (slot: number) => number | undefined;
  /** Bytes of keys found by SCAN that were unlinked, as a sum. */
  readonly unlinked: number;
  readonly usedBytes: number;
}

/** In about so long a difference to the random keys is gone. */
const FOLLOWS_MS = 10_000;

export class Unlisted {
  bytes = 0;
  private forgotten = 0;
  private unlinked = 0;
  /** When random keys were followed last; undefined: they have said nothing yet. */
  private followedAt: number | undefined;

  /** What the rings know, and what random keys say, stand like this now. */
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

  /** Nothing is known: other rules apply. */
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

/** What the rules' keys hold beyond what the rings know. */
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
