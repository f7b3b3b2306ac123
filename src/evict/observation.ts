// Counts what observing rules would evict: takes keys out of the ring as if they were unlinked, and leaves them on the server.
import type { Candidates } from './candidates.js';

const KEYS = 64;
/** The assumed size of a key whose size is unknown. */
export const LIKELY_BYTES = 1024;

export class Observation {
  /** Bytes that would have been freed. */
  bytes = 0;

  constructor(
    private readonly known: () => Candidates,
    private readonly onCounted: (slot: number, bytes: number) => void,
  ) {}

  /** Counts keys of this many bytes, as far as there are any. */
  count(bytes: number): void {
    const goal = this.bytes + bytes;
    while (this.bytes < goal) {
      const taken = this.known().take(KEYS, goal - this.bytes, true);
      if (taken.length === 0) return;
      for (const candidate of taken) {
        const size = candidate.bytes || LIKELY_BYTES;
        this.bytes += size;
        this.onCounted(candidate.slot, size);
      }
    }
  }
}
