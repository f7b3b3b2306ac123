// Measures how long the server takes: from when the last command of a read went up until its reply came. One sample at a
// time. Blocking commands and Spillway's own answers do not count, since they do not measure the server.
import type { TrafficObserver } from '../../policy/observer.js';
import type { PendingQueue } from '../reply/pending-queue.js';

export class LatencySampler {
  /** Number of the reply that the current sample waits for (-1: no sample), and since when. */
  private reply = -1;
  private since = 0;
  /** Number of the reply to the last blocking command, and to the last PROXY question. */
  private blocking = 0;
  private question = 0;

  constructor(
    private readonly queue: PendingQueue,
    private readonly observer: TrafficObserver,
    /** Monotonic milliseconds. */
    private readonly clock: () => number,
  ) {}

  /** The last command forwarded may block. */
  blocks(): void {
    this.blocking = this.queue.pushed;
  }

  /** The last command forwarded is a PROXY question. */
  asks(): void {
    this.question = this.queue.pushed;
  }

  /** A blocking command's reply is due. */
  get blocked(): boolean {
    return this.queue.popped < this.blocking;
  }

  /** Commands have gone up. */
  begin(): void {
    const { queue } = this;
    if (queue.popped < this.blocking || queue.popped < this.question) this.reply = -1;
    else if (this.reply < 0 && queue.pushed > queue.popped) {
      this.reply = queue.pushed;
      this.since = this.clock();
    }
  }

  /** Replies have come. */
  settle(): void {
    if (this.reply < 0 || this.queue.popped < this.reply) return;
    this.observer.onLatency(this.clock() - this.since);
    this.reply = -1;
  }
}
