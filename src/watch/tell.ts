// Posts what is to be told to a webhook, the newest first: what has not arrived when something newer is there is dropped
// for it. Owns the one request that is under way. Never keeps anybody waiting.
import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../alerts/webhook.js';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface TellOptions {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told of the first failure, and with undefined when one arrives again. */
  readonly onProblem: (problem: string | undefined) => void;
  /** How one is delivered, where it is not by HTTP. */
  readonly deliver?: typeof post;
  readonly firstRetryMs?: number;
}

export class Teller {
  private newest: object | undefined;
  private underWay: Promise<void> | undefined;
  private failing = false;

  constructor(private readonly options: TellOptions) {}

  tell(message: object): void {
    this.newest = message;
    this.begin();
  }

  /** Resolves when nothing is under way; the signal ends it. */
  async settled(): Promise<void> {
    await this.underWay;
  }

  private begin(): void {
    this.underWay ??= this.deliverAll().then(() => {
      this.underWay = undefined;
      // Something may have come at the last moment.
      if (this.newest !== undefined && !this.options.signal.aborted) this.begin();
    });
  }

  private async deliverAll(): Promise<void> {
    const {
      url,
      authorization,
      timeoutMs,
      signal,
      onProblem,
      deliver = post,
      firstRetryMs = FIRST_RETRY_MS,
    } = this.options;
    let retryMs = firstRetryMs;
    while (this.newest !== undefined && !signal.aborted) {
      const message = this.newest;
      const bounded = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
      const problem = await deliver({ url, authorization }, message, bounded);
      if (problem === undefined) {
        if (this.newest === message) this.newest = undefined;
        if (this.failing) onProblem(undefined);
        this.failing = false;
        retryMs = firstRetryMs;
        continue;
      }
      if (!this.failing) onProblem(problem);
      this.failing = true;
      await sleep(retryMs * (0.5 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => {});
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
    }
  }
}
