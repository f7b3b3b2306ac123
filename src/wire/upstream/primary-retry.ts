// When one client's connection is tried again because it could not be made to a primary that may have moved: every AGAIN_MS, for
// as long as Spillway waits for the new primary (following.ts). Owns its timer.
import { AGAIN_MS, type Following } from './following.js';

export class PrimaryRetry {
  /** Since when no connection can be made. */
  private failsSince: number | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** `following` undefined: no primary is followed, and nothing is tried again. */
  constructor(
    private readonly following: Following | undefined,
    private readonly attempt: () => void,
  ) {}

  get isWaiting(): boolean {
    return this.timer !== undefined;
  }

  /** The connection could not be made. Returns whether an attempt will follow. */
  begin(): boolean {
    if (this.following === undefined) return false;
    this.failsSince ??= performance.now();
    if (!this.following.waits(this.failsSince)) return false;
    this.timer ??= setTimeout(this.attempt, AGAIN_MS).unref();
    return true;
  }

  succeeded(): void {
    this.failsSince = undefined;
  }

  /** No attempt will follow, or it is made now. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
