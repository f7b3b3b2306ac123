// How committed memory changes from one reading to the next, without the scatter of the samples that it is estimated from:
// between two readings what can be evicted changes by the number of those keys times their mean size, the same for both. By and
// by the sum is led to what the estimates say, so that a mean size that drifts does no harm.
// Where nothing can be evicted it is memory itself, to the byte.
import type { Evictable } from './evictable.js';

/** In about so long a difference to the estimates is gone. */
const FOLLOWS_MS = 20_000;

interface Before extends Pick<Evictable, 'eviction' | 'basis' | 'keys'> {
  readonly countedBytes: number;
  readonly committedBytes: number;
  readonly at: number;
}

export class CommittedFlow {
  /** Bytes; only differences mean something. */
  bytes = 0;
  /** What `bytes` is led to is so much away from the estimates, because these are of another kind than before. */
  private offset = 0;
  private before: Before | undefined;

  /** The next reading is another server's. */
  startOver(): void {
    this.before = undefined;
    this.offset = 0;
  }

  take(countedBytes: number, evictable: Evictable, now: number): void {
    const { eviction, basis, keys } = evictable;
    const committedBytes = countedBytes - evictable.bytes;
    const { before } = this;
    this.before = { countedBytes, committedBytes, at: now, eviction, basis, keys };
    if (before === undefined) {
      this.bytes = committedBytes;
      return;
    }
    if (before.eviction !== eviction || before.basis !== basis) {
      this.offset = this.bytes - committedBytes;
      return;
    }
    if (basis === 'known') {
      this.bytes += committedBytes - before.committedBytes;
      return;
    }
    const mean = keys > 0 ? evictable.bytes / keys : 0;
    this.bytes += countedBytes - before.countedBytes - mean * (keys - before.keys);
    const lead = Math.min(1, (now - before.at) / FOLLOWS_MS);
    this.bytes += (committedBytes + this.offset - this.bytes) * lead;
  }
}
