// How long a server that is away is waited for, and how often it is tried meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLost } from './endpoint.js';

const MOST_MS = 30_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2000;

export class Patience {
  private lostAt: number | undefined;
  private retryMs = FIRST_RETRY_MS;

  constructor(private readonly mostMs = MOST_MS) {}

  /** It is there: what is lost from now on is waited for anew. */
  renew(): void {
    this.lostAt = undefined;
    this.retryMs = FIRST_RETRY_MS;
  }

  /** Resolves when it is worth another try, or `signal` ends it. @throws what was lost, once that takes too long */
  async wait(lost: ConnectionLost, signal: AbortSignal): Promise<void> {
    this.lostAt ??= performance.now();
    if (performance.now() - this.lostAt > this.mostMs) throw lost;
    await sleep(this.retryMs, undefined, { signal }).catch(() => {});
    this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
  }
}
