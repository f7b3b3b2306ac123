// How long a walk waits for a server that is away, and how often it tries to reach it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLost } from './endpoint.js';

const MOST_MS = 30_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2000;

export class Patience {
  private lostAt: number | undefined;
  private retryMs = FIRST_RETRY_MS;

  constructor(private readonly mostMs = MOST_MS) {}

  /** The server is there: the next loss begins a new wait. */
  renew(): void {
    this.lostAt = undefined;
    this.retryMs = FIRST_RETRY_MS;
  }

  /** Resolves when it is time for another try, or `signal` is aborted. @throws `lost` once the server is away too long */
  async wait(lost: ConnectionLost, signal: AbortSignal): Promise<void> {
    this.lostAt ??= performance.now();
    if (performance.now() - this.lostAt > this.mostMs) throw lost;
    await sleep(this.retryMs, undefined, { signal }).catch(() => {});
    this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
  }
}
