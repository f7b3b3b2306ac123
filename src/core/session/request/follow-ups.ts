// Follow-ups: the command behind a write that gives its key a TTL where the write could not carry one. It goes up right
// behind the write. Inside a transaction it would change EXEC's reply, so there it waits until EXEC has succeeded. Behind a
// streaming write it waits for the write's end.
// Owns the keys of waiting follow-ups, within a bound: one that does not fit counts as failed and is never kept in part.
// Owns what a NOPERM has shown: this user may not send follow-ups.
import { FollowUpReply, type TrafficObserver } from '../../policy/observer.js';
import { NOTHING } from '../../resp/bytes.js';
import { type ExpireIfNone, encodeCommand, expireIfNoneSize, writeExpireIfNone } from '../../resp/encode.js';
import { Pending } from '../reply/pending-kind.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import type { ReplySilence } from '../state/reply-silence.js';
import type { UpstreamWriter } from './upstream-writer.js';

/** A slot that is being imported accepts a command only behind its own ASKING. */
const ASKING = encodeCommand('ASKING');
/** Bound on a client's waiting follow-ups. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** What each counts for in addition to its key. */
const WAITING_OVERHEAD = 50;

/** The follow-up that the server understands. It may change at any time, with the server. */
export interface FollowUpForm {
  /** Whether there is one. */
  readonly followUps: boolean;
  readonly followUp: ExpireIfNone;
}

export class FollowUps {
  /** ASKING came before the write, or before its MULTI, so each follow-up needs an ASKING too. */
  asked = false;
  /** The follow-up that the user may not send. */
  private denied: ExpireIfNone | undefined;
  private scratch = NOTHING;
  private waiting = NOTHING;
  private waitingLength = 0;
  private slots: number[] = [];
  private ttls: number[] = [];
  /** Where each key ends. */
  private ends: number[] = [];

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly replies: ReplySequencer,
    private readonly silence: ReplySilence,
    private readonly observer: TrafficObserver,
    private readonly form: FollowUpForm,
  ) {}

  /** Whether they may be sent, as far as Spillway knows. */
  get possible(): boolean {
    return this.form.followUps && this.denied !== this.form.followUp;
  }

  get anyWaiting(): boolean {
    return this.slots.length > 0;
  }

  /** Sends one now, behind the command that is under scan or has just passed. */
  send(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const { followUp } = this.form;
    const answers = !this.silence.off;
    if (this.asked) {
      this.upstream.insertBehind(ASKING);
      if (answers) this.replies.owe(Pending.SWALLOW);
    }
    const size = expireIfNoneSize(followUp, end - start);
    if (size > this.scratch.length) this.scratch = Buffer.allocUnsafe(size * 2);
    const length = writeExpireIfNone(followUp, this.scratch, 0, key, start, end, ttlMs);
    this.upstream.insertBehind(this.scratch, length);
    if (answers) this.replies.owe(Pending.FOLLOW_UP, slot);
  }

  /** Keeps one until sendWaiting(). */
  defer(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const needed = this.waitingLength + end - start;
    if (needed + (this.slots.length + 1) * WAITING_OVERHEAD > MAX_WAITING_BYTES) {
      this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
      return;
    }
    if (needed > this.waiting.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      larger.set(this.waiting.subarray(0, this.waitingLength));
      this.waiting = larger;
    }
    for (let i = start; i < end; i++) this.waiting[this.waitingLength++] = key[i];
    this.slots.push(slot);
    this.ttls.push(ttlMs);
    this.ends.push(this.waitingLength);
  }

  /** Sends all that wait. */
  sendWaiting(): void {
    if (!this.anyWaiting) return;
    for (const [i, slot] of this.slots.entries()) {
      this.send(slot, this.waiting, this.ends[i - 1] ?? 0, this.ends[i], this.ttls[i]);
    }
    this.forget();
  }

  /** Their writes came to nothing, so they are dropped. */
  forget(): void {
    this.waiting = NOTHING;
    this.waitingLength = 0;
    this.slots = [];
    this.ttls = [];
    this.ends = [];
  }

  /** They are due and cannot be sent. */
  fail(): void {
    for (const slot of this.slots) this.observer.onFollowUpReply(slot, FollowUpReply.FAILED);
    this.forget();
  }

  answered(slot: number, reply: FollowUpReply): void {
    if (reply === FollowUpReply.DENIED) this.denied = this.form.followUp;
    this.observer.onFollowUpReply(slot, reply);
  }

  /** The new user may be allowed to send them. */
  userChanged(): void {
    this.denied = undefined;
  }
}
