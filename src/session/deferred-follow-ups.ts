// The follow-ups of a transaction: sent inside it they would change EXEC's reply, so they wait until EXEC was
// answered with success. Owns their encoded bytes, bounded; what does not fit is reported, never half kept.
import { FollowUpReply, type TrafficObserver } from '../policy/observer.js';
import { expireIfNoneSize, writeExpireIfNone } from '../resp/encode.js';
import type { ByteSink } from './byte-sink.js';
import { Pending } from './pending-queue.js';
import type { ReplySequencer } from './reply-sequencer.js';

/** Bound on the follow-ups that one transaction may have waiting. */
const MAX_WAITING_BYTES = 1024 * 1024;

export class DeferredFollowUps {
  private bytes = Buffer.alloc(0);
  private length = 0;
  private slots: number[] = [];

  constructor(private readonly observer: TrafficObserver) {}

  get any(): boolean {
    return this.slots.length > 0;
  }

  add(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const needed = this.length + expireIfNoneSize(end - start);
    if (needed > MAX_WAITING_BYTES) {
      this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
      return;
    }
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.length = writeExpireIfNone(this.bytes, this.length, key, start, end, ttlMs);
    this.slots.push(slot);
  }

  /** Sends all that wait; their answers are kept from the client. */
  send(upstream: ByteSink, replies: ReplySequencer): void {
    upstream.write(this.bytes, 0, this.length);
    for (const slot of this.slots) replies.owe(Pending.FOLLOW_UP, slot);
    this.forget();
  }

  /** The transaction came to nothing: so do they. */
  forget(): void {
    this.bytes = Buffer.alloc(0);
    this.length = 0;
    this.slots = [];
  }

  /** They should have been sent and cannot be. */
  fail(): void {
    for (const slot of this.slots) this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
    this.forget();
  }
}
