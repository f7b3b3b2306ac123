// Where the unlinker gets its keys from: the ring of this process, a worker's, or SCAN. Types only.
import type { Candidate } from './candidates.js';

export interface KeySource {
  /** The next keys to go, up to so many and so many bytes; none: it has none, or does not answer. */
  take(most: number, mostBytes: number): readonly Candidate[] | Promise<readonly Candidate[]>;
  /** Those that may go: not written, or deleted, since they were taken, as far as is known. To be asked right before. */
  current<T extends { readonly candidate: Candidate }>(
    of: readonly T[],
  ): readonly T[] | Promise<readonly T[]>;
  /** Puts it back behind all others: it was read since it was written, or could not be unlinked. */
  again(candidate: Candidate): void;
  /** A key of the rule takes so much, whose size was not known. */
  learn(slot: number, bytes: number): void;
}
