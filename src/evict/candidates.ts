// The keys that may go, as the ring of a process that serves clients hands them out.

export interface Candidate {
  readonly db: number;
  /** A copy of its own. */
  readonly key: Uint8Array;
  /** Of its rule. */
  readonly slot: number;
  /** Estimated bytes of memory that it takes; 0: not known. */
  readonly bytes: number;
  /** When it was written, or returned with again(): monotonic milliseconds. */
  readonly at: number;
}

/** What is known of the keys of one rule that may go. */
export interface RuleStock {
  readonly slot: number;
  readonly keys: number;
  /** Estimated memory that they take. */
  readonly bytes: number;
  /** How long ago the oldest was written, milliseconds; 0: there is none. */
  readonly oldestMs: number;
}

/** How full a ring is. */
export interface RingFill {
  readonly keys: number;
  readonly bytes: number;
  readonly capacityBytes: number;
  /** Keys that fell out because it was full; they are found by SCAN. */
  readonly dropped: number;
}

/** Of a process that has no rule with evict. */
export const NO_CANDIDATES: Candidates = {
  take: () => [],
  isCurrent: () => false,
  again: () => {},
  learn: () => {},
  stock: () => [],
  fill: { keys: 0, bytes: 0, capacityBytes: 0, dropped: 0 },
  knows: () => false,
};

/** What is known of the keys that were written through this process. */
export interface Candidates {
  /**
   * Takes out the next keys to go: the oldest ones of the rules with the lowest priority, up to so many and so many bytes, at
   * least one if there is any. `observed`: only of rules that observe, otherwise only of the others; `slot`: only of this rule.
   */
  take(most: number, mostBytes: number, observed: boolean, slot?: number): Candidate[];
  /** It was not written, or deleted, since it was taken, as far as this process knows. */
  isCurrent(candidate: Candidate): boolean;
  /** Puts it back behind all others: it was read since `at`, or could not be unlinked. */
  again(candidate: Candidate): void;
  /** A key of the rule takes so much, whose size was not known. */
  learn(slot: number, bytes: number): void;
  /** By rule. */
  stock(): readonly RuleStock[];
  readonly fill: RingFill;
  /** It knows the key. */
  knows(db: number, key: Uint8Array): boolean;
}
