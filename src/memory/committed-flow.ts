// How committed memory changes from one reading to the next, without the noise of the samples from which it is estimated:
// between two readings the evictable memory changes by the number of evictable keys times one mean size, the same for both
// readings. The sum is slowly corrected toward the estimates, so that a drifting mean size does no harm.
// If nothing can be evicted it is used memory itself, to the byte.
import type { Evictable } from './evictable.js';

/** After about this time a difference from the estimates is gone. */
const FOLLOWS_MS = 20_000;

interface Before extends Pick<Evictable, 'eviction' | 'basis' | 'keys'> {
  readonly countedBytes: number;
  readonly committedBytes: number;
  readonly at: number;
}

export class CommittedFlow {
  /** Bytes; only differences mean something. */
  bytes = 0;
  /** How far `bytes` is from the estimates at present, because these changed their kind. */
  private offset = 0;
  private before: Before | undefined;

  /** The next reading comes from another server. */
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
