// Times of the proxy itself: what it adds to commands and to replies, and how late its event loop is.
// Owns the histograms; the caller decides what is timed.
import { LatencyHistogram, type LatencyPart, type LatencySnapshot } from './latency.js';

/** What each one is: docs/METRICS.md. */
export interface OwnTimesSnapshot {
  requests: LatencySnapshot;
  replies: LatencySnapshot;
  eventLoopDelay: LatencySnapshot;
}

export type OwnTimesPart = Readonly<Record<keyof OwnTimesSnapshot, LatencyPart>>;

export class OwnTimes {
  readonly requests = new LatencyHistogram();
  readonly replies = new LatencyHistogram();
  readonly eventLoopDelay = new LatencyHistogram();

  /** Returns the samples since the last call (or the start) and resets them. */
  take(): OwnTimesPart {
    return {
      requests: this.requests.take(),
      replies: this.replies.take(),
      eventLoopDelay: this.eventLoopDelay.take(),
    };
  }

  add({ requests, replies, eventLoopDelay }: OwnTimesPart): void {
    this.requests.add(requests);
    this.replies.add(replies);
    this.eventLoopDelay.add(eventLoopDelay);
  }

  snapshot(): OwnTimesSnapshot {
    return {
      requests: this.requests.snapshot(),
      replies: this.replies.snapshot(),
      eventLoopDelay: this.eventLoopDelay.snapshot(),
    };
  }
}
