// The keys that may be evicted, as the ring of a process that serves clients hands them out.

export interface Candidate {
  readonly db: number;
  /** A copy that belongs to the candidate. */
  readonly key: Uint8Array;
  /** The slot of its rule. */
  readonly slot: number;
  /** Estimated bytes of memory that it takes; 0: unknown. */
  readonly bytes: number;
  /** When it was written, or returned by again(): monotonic milliseconds. */
  readonly at: number;
}

/** What is known about the keys of one rule that may be evicted. */
export interface RuleStock {
  readonly slot: number;
  readonly keys: number;
  /** The estimated memory that they take. */
  readonly bytes: number;
  /** How long ago the oldest was written, milliseconds; 0: there is none. */
  readonly oldestMs: number;
}

/** How full a ring is. */
export interface RingFill {
  readonly keys: number;
  readonly bytes: number;
  readonly capacityBytes: number;
  /** Keys that the ring forgot because it was full; SCAN finds them. */
  readonly dropped: number;
}

/** For a process without a rule with evict. */
export const NO_CANDIDATES: Candidates = {
  take: () => [],
  isCurrent: () => false,
  again: () => {},
  learn: () => {},
  stock: () => [],
  fill: { keys: 0, bytes: 0, capacityBytes: 0, dropped: 0 },
  knows: () => false,
};

/** What is known about the keys that were written through this process. */
export interface Candidates {
  /**
   * Takes out the next keys to evict: the oldest ones of the rules with the lowest priority, up to this many keys and bytes,
   * but at least one if there is any. `observed`: only from rules that observe, otherwise only from the others; `slot`: only
   * from this rule.
   */
  take(most: number, mostBytes: number, observed: boolean, slot?: number): Candidate[];
  /** Whether it was not written or deleted since it was taken, as far as this process knows. */
  isCurrent(candidate: Candidate): boolean;
  /** Puts it back as the youngest: it was read since `at`, or could not be unlinked. */
  again(candidate: Candidate): void;
  /** A key of the rule takes this much memory; its size was unknown before. */
  learn(slot: number, bytes: number): void;
  /** By rule. */
  stock(): readonly RuleStock[];
  readonly fill: RingFill;
  /** Whether it knows the key. */
  knows(db: number, key: Uint8Array): boolean;
}
