// Follow-ups: the `PEXPIRE key ms NX` that gives a TTL where the write itself could not carry one.
// Sent right behind the write; inside a transaction that would change EXEC's reply, so there they wait until EXEC
// was answered with success. Those of a write that streams wait for its end. Owns the encoded bytes of those that wait, bounded: what does not fit is reported as
// failed, never half kept. Owns what a NOPERM taught: this user may not PEXPIRE.
import { FollowUpReply, type TrafficObserver } from '../../policy/observer.js';
import { expireIfNoneSize, writeExpireIfNone } from '../../resp/encode.js';
import { type ByteSink, COPIED_BELOW } from '../byte-sink.js';
import { Pending } from '../reply/pending-queue.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';

/** Bound on the follow-ups that one connection may have waiting. */
const MAX_WAITING_BYTES = 1024 * 1024;

export class FollowUps {
  /** None are to be sent until the user changes. */
  denied = false;
  private scratch = Buffer.alloc(0);
  private waiting = Buffer.alloc(0);
  private waitingLength = 0;
  private slots: number[] = [];
  /** Where the bytes of each end. */
  private ends: number[] = [];

  constructor(
    private readonly upstream: ByteSink,
    private readonly observer: TrafficObserver,
  ) {}

  get anyWaiting(): boolean {
    return this.slots.length > 0;
  }

  /** Sends one now. The caller owes its reply. */
  send(key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const size = expireIfNoneSize(end - start);
    // The sink may keep a large one: then the scratch is not ours any more.
    if (size > this.scratch.length || size >= COPIED_BELOW) this.scratch = Buffer.allocUnsafe(size * 2);
    this.upstream.write(this.scratch, 0, writeExpireIfNone(this.scratch, 0, key, start, end, ttlMs));
  }

  /** Keeps one until sendWaiting(). */
  defer(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const needed = this.waitingLength + expireIfNoneSize(end - start);
    if (needed > MAX_WAITING_BYTES) {
      this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
      return;
    }
    if (needed > this.waiting.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      larger.set(this.waiting.subarray(0, this.waitingLength));
      this.waiting = larger;
    }
    this.waitingLength = writeExpireIfNone(this.waiting, this.waitingLength, key, start, end, ttlMs);
    this.slots.push(slot);
    this.ends.push(this.waitingLength);
  }

  /** Sends all that wait, `ask` before each. Their answers are owed to `replies`; undefined: nothing is answered. */
  sendWaiting(replies: ReplySequencer | undefined, ask?: () => void): void {
    if (ask === undefined) this.upstream.write(this.waiting, 0, this.waitingLength);
    for (const [i, slot] of this.slots.entries()) {
      ask?.();
      if (ask !== undefined) this.upstream.write(this.waiting, this.ends[i - 1] ?? 0, this.ends[i]);
      replies?.owe(Pending.FOLLOW_UP, slot);
    }
    this.forget();
  }

  /** What they were for came to nothing: so do they. */
  forget(): void {
    this.waiting = Buffer.alloc(0);
    this.waitingLength = 0;
    this.slots = [];
    this.ends = [];
  }

  /** They should have been sent and cannot be. */
  fail(): void {
    for (const slot of this.slots) this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
    this.forget();
  }

  answered(slot: number, reply: FollowUpReply): void {
    if (reply === FollowUpReply.DENIED) this.denied = true;
    this.observer.onFollowUpReply(slot, reply);
  }
}
