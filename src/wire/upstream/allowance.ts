// How many bytes of pending replies one client may have on a shared connection, as far as Spillway can estimate them. When
// the server closes such a connection while it owes replies, their size may be why (client-output-buffer-limit,
// maxmemory-clients). So the allowance shrinks then, and grows again with time.
// Invariant: LEAST_BYTES <= bytes <= MOST_BYTES.

const MOST_BYTES = 256 * 1024;
const LEAST_BYTES = 16 * 1024;
const SHRINKS_BY = 4;
const GROWS_BY = 2;
const GROWS_EVERY_MS = 60_000;

export class Allowance {
  bytes = MOST_BYTES;
  private changedAt = 0;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** The server has ended a connection that owed replies. */
  shrink(): void {
    this.set(Math.max(LEAST_BYTES, this.bytes / SHRINKS_BY));
  }

  /** Must be called now and then. Returns whether the allowance has grown. */
  grow(): boolean {
    if (this.bytes === MOST_BYTES || this.clock() - this.changedAt < GROWS_EVERY_MS) return false;
    this.set(Math.min(MOST_BYTES, this.bytes * GROWS_BY));
    return true;
  }

  private set(bytes: number): void {
    this.bytes = bytes;
    this.changedAt = this.clock();
  }
}
