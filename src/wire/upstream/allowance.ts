// How many bytes the replies owed to one client on a shared connection may come to, as far as can be told. A server that
// ends such a connection while it owes replies may have found them too many (client-output-buffer-limit,
// maxmemory-clients): so it shrinks with that, and grows again with the time that passes without.
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

  /** To be called now and then. Returns whether it has grown. */
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
