// Posts changes to a webhook. Owns the last delivered state and the current request.
// Invariants: one request at a time, and no queue: each attempt sends the state at that moment; a delivered state is not sent
// again; nothing waits for it, and no failure ends the watch; no text contains the address.
import { BackOff, spread } from '../../core/back-off.js';
import { post } from '../../observe/alerts/webhook.js';
import { alertOf, changesBetween, type WatchChange } from './changes.js';
import { CALM, type Seen, type Situation } from './server-state.js';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface CourierParts {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly timeoutMs: number;
  /** The name of the machine that watches. */
  readonly instance: string;
  readonly thresholds: readonly number[];
  /** Called with the reason when alerts stop arriving, once; with undefined when they arrive again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly firstRetryMs?: number;
}

export class Courier {
  private readonly told = new Map<string, Situation>();
  private now = new Map<string, Seen>();
  private readonly ending = new AbortController();
  private underWay: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private readonly backOff: BackOff;
  private delivered = 0;

  constructor(private readonly parts: CourierParts) {
    this.backOff = new BackOff(parts.firstRetryMs ?? FIRST_RETRY_MS, LONGEST_RETRY_MS);
  }

  see(seen: readonly Seen[]): void {
    // A server that is gone stays until that is delivered, if anything about it was delivered before.
    const gone = [...this.now.values()].filter(
      ({ server, situation }) => situation.reach === 'gone' && this.told.has(server),
    );
    this.now = new Map([...gone, ...seen].map((each) => [each.server, each]));
    if (this.retry === undefined) this.tell();
  }

  /** Gives the current request, and what was not delivered yet, up to `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const end = setTimeout(() => this.ending.abort(), graceMs);
    clearTimeout(this.retry);
    await this.underWay;
    this.tell();
    await this.underWay;
    clearTimeout(end);
    this.ending.abort();
    clearTimeout(this.retry);
  }

  private tell(): void {
    if (this.underWay !== undefined || this.ending.signal.aborted) return;
    const seen = [...this.now.values()];
    const changes = seen.flatMap((each) => {
      const before = this.told.get(each.server);
      // If nothing about a server was ever delivered, its end is not reported either.
      if (before === undefined && each.situation.reach === 'gone') return [];
      return changesBetween(before ?? CALM, each, this.parts.thresholds);
    });
    if (changes.length === 0) return;
    this.underWay = this.attempt(changes, seen).finally(() => {
      this.underWay = undefined;
    });
  }

  private async attempt(changes: readonly WatchChange[], seen: readonly Seen[]): Promise<void> {
    const { url, authorization, timeoutMs, instance } = this.parts;
    const message = alertOf(
      changes,
      seen.map(({ situation }) => situation),
      { number: this.delivered + 1, instance, at: new Date().toISOString() },
    );
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.ending.signal]);
    const problem = await post({ url, authorization }, message, signal);
    if (problem === undefined) this.succeeded(seen);
    else this.tryAgain(problem);
  }

  private succeeded(seen: readonly Seen[]): void {
    this.delivered++;
    if (this.backOff.failing) this.parts.onProblem(undefined);
    this.backOff.reset();
    for (const { server, situation } of seen) {
      if (situation.reach === 'gone') this.told.delete(server);
      else this.told.set(server, situation);
    }
  }

  private tryAgain(problem: string): void {
    if (!this.backOff.failing) this.parts.onProblem(problem);
    const delay = this.backOff.next();
    if (this.ending.signal.aborted) return;
    this.retry = setTimeout(
      () => {
        this.retry = undefined;
        this.tell();
      },
      spread(delay, Math.random),
    ).unref();
  }
}
