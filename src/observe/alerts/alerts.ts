// Posts alerts to a webhook, without Prometheus. Owns the last delivered state, the current request, and the time of the next.
//
//   once a second: state ──settles──▶ differs from the delivered one? ──▶ POST ──▶ 2xx: delivered
//                                                  ▲──── back-off, doubling ◀──── anything else
//
// Invariants: one request at a time, and no queue: each attempt sends the state at that moment; a delivered state is not sent
// again; Spillway retries while the state lasts; serving clients never waits for it.
import type { Logger } from 'pino';
import type { EffectiveAlerts } from '../../config/effective.js';
import { BackOff, spread } from '../../core/back-off.js';
import type { LiveSnapshot, Subscribe } from '../snapshots/live.js';
import { alertMessage } from './message.js';
import { CALM, SituationTracker, sameSituation } from './situation.js';
import type { AlertSituation, AlertsSnapshot } from './snapshot.js';
import { post } from './webhook.js';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** How long the last alert may take while the proxy closes. */
const LAST_MS = 1500;

export interface AlertsParts {
  readonly subscribe: Subscribe;
  /** The name of this proxy in alerts. */
  readonly instance: string;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly log: Logger;
  /** Replaces the delivery by HTTP. */
  readonly deliver?: typeof post;
  /** The longest wait before the second attempt; it doubles with each attempt. */
  readonly firstRetryMs?: number;
}

export class Alerts {
  private readonly tracker = new SituationTracker();
  private readonly ending = new AbortController();
  private receiverKnows = CALM;
  private now = CALM;
  private live: LiveSnapshot | undefined;
  private underWay: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private readonly backOff: BackOff;
  private delivered = 0;
  private failed = 0;
  private problem: string | null = null;
  private stopWatching: (() => void) | undefined;

  constructor(
    private options: EffectiveAlerts,
    private readonly parts: AlertsParts,
  ) {
    this.backOff = new BackOff(parts.firstRetryMs ?? FIRST_RETRY_MS, LONGEST_RETRY_MS);
    this.watchAsConfigured();
  }

  reload(options: EffectiveAlerts): void {
    const before = this.options;
    this.options = options;
    this.watchAsConfigured();
    if (options.webhook === before.webhook && options.authorization === before.authorization) return;
    // A new receiver knows nothing yet, so it gets an attempt at once.
    if (options.webhook !== before.webhook) this.receiverKnows = CALM;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.backOff.reset();
    this.problem = null;
    this.tell();
  }

  snapshot(): AlertsSnapshot {
    const { receiverKnows, now, delivered, failed, problem } = this;
    const webhook = this.options.webhook !== undefined;
    return { webhook, now, told: receiverKnows, delivered, failed, problem };
  }

  /** Makes one more attempt to deliver the state, for up to `graceMs` and a fixed maximum. */
  async close(graceMs: number): Promise<void> {
    this.stopWatching?.();
    clearTimeout(this.retry);
    const end = setTimeout(() => this.ending.abort(), Math.min(graceMs, LAST_MS));
    if (graceMs === 0) this.ending.abort();
    await this.underWay;
    this.tell();
    await this.underWay;
    clearTimeout(end);
    this.ending.abort();
    clearTimeout(this.retry);
  }

  private see(live: LiveSnapshot): void {
    this.live = live;
    this.now = this.tracker.see(live, this.options, this.parts.clock());
    if (this.retry === undefined) this.tell();
  }

  /** Posts the state if there is a webhook and the state differs from the delivered one. */
  private tell(): void {
    const { webhook } = this.options;
    if (webhook === undefined || this.live === undefined || this.underWay !== undefined) return;
    if (this.ending.signal.aborted || sameSituation(this.receiverKnows, this.now)) return;
    this.underWay = this.attempt(webhook, this.now, this.live).finally(() => {
      this.underWay = undefined;
    });
  }

  private async attempt(url: string, to: AlertSituation, live: LiveSnapshot): Promise<void> {
    const { authorization, timeoutMs } = this.options;
    const { instance, deliver = post } = this.parts;
    const at = new Date().toISOString();
    const message = alertMessage({
      number: this.delivered + 1,
      instance,
      at,
      from: this.receiverKnows,
      to,
      live,
    });
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.ending.signal]);
    const problem = await deliver({ url, authorization }, message, signal);
    if (problem === undefined) this.delivered++;
    else this.failed++;
    // After a reload in between, the outcome says nothing about the new receiver.
    if (url !== this.options.webhook) return;
    if (problem === undefined) this.succeeded(to);
    else this.tryAgain(problem);
  }

  private succeeded(to: AlertSituation): void {
    this.receiverKnows = to;
    this.backOff.reset();
    if (this.problem !== null) this.parts.log.info('alerts are delivered again');
    this.problem = null;
  }

  private tryAgain(problem: string): void {
    if (this.problem === null)
      this.parts.log.error({ err: problem }, 'an alert could not be delivered; Spillway keeps trying');
    this.problem = problem;
    if (this.ending.signal.aborted) return;
    this.retry = setTimeout(
      () => {
        this.retry = undefined;
        this.tell();
      },
      spread(this.backOff.next(), Math.random),
    ).unref();
  }

  private watchAsConfigured(): void {
    if (this.options.webhook === undefined) {
      this.stopWatching?.();
      this.stopWatching = undefined;
    } else this.stopWatching ??= this.parts.subscribe((live) => this.see(live));
  }
}
