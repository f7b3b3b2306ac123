// How long the server takes: of what a client sends at once the last command, from when it went up until its reply came.
// One sample at a time. What is blocked, or answered by Spillway, is no measure of the server.
import type { TrafficObserver } from '../../policy/observer.js';
import type { PendingQueue } from '../reply/pending-queue.js';

export class LatencySampler {
  /** The number of the reply that the sample under way waits for (-1: none), and since when. */
  private reply = -1;
  private since = 0;
  /** The number of the reply to the last blocking command, and to the last question to Spillway. */
  private blocking = 0;
  private question = 0;

  constructor(
    private readonly queue: PendingQueue,
    private readonly observer: TrafficObserver,
    /** Monotonic milliseconds. */
    private readonly clock: () => number,
  ) {}

  /** The command that was owed last may keep its client waiting for another one. */
  blocks(): void {
    this.blocking = this.queue.pushed;
  }

  /** The command that was owed last is a question to Spillway. */
  asks(): void {
    this.question = this.queue.pushed;
  }

  /** A blocking command has not been answered. */
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
