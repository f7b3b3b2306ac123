// Where the unlinker gets its keys: the ring of this process, a worker's, or SCAN. Types only.
import type { Candidate } from './candidates.js';

export interface KeySource {
  /** The next keys to evict, up to this many keys and bytes; empty: it has none, or does not answer. */
  take(most: number, mostBytes: number): readonly Candidate[] | Promise<readonly Candidate[]>;
  /**
   * Those that may still be evicted: not written or deleted since they were taken, as far as known. Must be asked right before
   * UNLINK.
   */
  current<T extends { readonly candidate: Candidate }>(
    of: readonly T[],
  ): readonly T[] | Promise<readonly T[]>;
  /** Puts it back as the youngest: it was read since it was written, or could not be unlinked. */
  again(candidate: Candidate): void;
  /** A key of the rule takes this much memory; its size was unknown before. */
  learn(slot: number, bytes: number): void;
}
