// Follow-ups: the command after a write that gives its key a TTL when the write could not carry one. It goes up right after the
// write. Inside a transaction it would change EXEC's reply, so there it waits until EXEC has succeeded. After a streaming write
// it waits for the write's end.
// Owns the keys of waiting follow-ups, within a bound: one that does not fit counts as failed and is never kept in part.
// Remembers a NOPERM: this user may not send follow-ups.
// Also sends the commands that change a TTL that a rule gave (own-ttl-script.ts); one of these may stand before a command.
import { FollowUpReply, OwnTtlChange, type TrafficObserver } from '../../policy/observer.js';
import { NOTHING } from '../../resp/bytes.js';
import { type ExpireIfNone, encodeCommand, expireIfNoneSize, writeExpireIfNone } from '../../resp/encode.js';
import { ownTtlSize, writeOwnTtl } from '../../resp/own-ttl-script.js';
import { Pending } from '../reply/pending-kind.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import type { ReplySilence } from '../state/reply-silence.js';
import type { UpstreamWriter } from './upstream-writer.js';

/** A slot that is being imported accepts a command only right after its own ASKING. */
const ASKING = encodeCommand('ASKING');
/** Bound on a client's waiting follow-ups. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Bytes that each counts for in addition to its key. */
const WAITING_OVERHEAD = 50;
/** In place of a TTL: the whole command waits. */
const WHOLE = -1;

/** The purpose of a hidden command, in the `detail` of its pending reply, above the slot. */
export const Purpose = {
  /** It gives a TTL where there is none. */
  GIVE: 0,
  YIELD: 1,
  RENEW: 2,
  LEAVE_BEHIND: 3,
  /** It removes a TTL for a moment, or restores it. */
  LEND: 4,
} as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];
const PURPOSE_SHIFT = 20;
const SLOT_MASK = (1 << PURPOSE_SHIFT) - 1;
const CHANGES: Partial<Record<Purpose, OwnTtlChange>> = {
  [Purpose.YIELD]: OwnTtlChange.YIELDED,
  [Purpose.RENEW]: OwnTtlChange.RENEWED,
  [Purpose.LEAVE_BEHIND]: OwnTtlChange.LEFT_BEHIND,
};

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
  private changesDenied = false;
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

  /** Whether TTLs of Spillway's own may be changed. */
  get mayChange(): boolean {
    return this.possible && !this.changesDenied;
  }

  get anyWaiting(): boolean {
    return this.slots.length > 0;
  }

  /** Sends one now, after the command that is under scan or has just passed. */
  send(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    ttlMs: number,
    purpose: Purpose = Purpose.GIVE,
  ): void {
    const { followUp } = this.form;
    const scratch = this.room(expireIfNoneSize(followUp, end - start));
    this.insert(scratch, writeExpireIfNone(followUp, scratch, 0, key, start, end, ttlMs), slot, purpose);
  }

  /** Renews a TTL of which about `leftMs` are left; `waits`: with sendWaiting(). */
  renew(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    leftMs: number,
    ttlMs: number,
    waits: boolean,
  ): void {
    const scratch = this.room(ownTtlSize(end - start));
    const length = writeOwnTtl(scratch, 0, key, start, end, leftMs, ttlMs);
    if (waits) this.deferWhole(slot, Purpose.RENEW, scratch, length);
    else this.insert(scratch, length, slot, Purpose.RENEW);
  }

  /** Removes a TTL of which about `leftMs` are left, before the command under scan. */
  release(slot: number, purpose: Purpose, key: Uint8Array, start: number, end: number, leftMs: number): void {
    const scratch = this.room(ownTtlSize(end - start));
    const length = writeOwnTtl(scratch, 0, key, start, end, leftMs, 0);
    this.upstream.insertBefore(scratch.subarray(0, length));
    if (!this.silence.off) this.replies.owe(Pending.FOLLOW_UP, slot | (purpose << PURPOSE_SHIFT));
  }

  /** Sends a whole command now. */
  sendWhole(slot: number, purpose: Purpose, command: Uint8Array): void {
    this.insert(command, command.length, slot, purpose);
  }

  private insert(command: Uint8Array, length: number, slot: number, purpose: Purpose): void {
    const answers = !this.silence.off;
    if (this.asked) {
      this.upstream.insertBehind(ASKING);
      if (answers) this.replies.owe(Pending.SWALLOW);
    }
    this.upstream.insertBehind(command, length);
    if (answers) this.replies.owe(Pending.FOLLOW_UP, slot | (purpose << PURPOSE_SHIFT));
  }

  private room(size: number): Buffer {
    if (size > this.scratch.length) this.scratch = Buffer.allocUnsafe(size * 2);
    return this.scratch;
  }

  /** Keeps a whole command until sendWaiting(). */
  deferWhole(slot: number, purpose: Purpose, command: Uint8Array, length = command.length): void {
    this.defer(slot | (purpose << PURPOSE_SHIFT), command, 0, length, WHOLE);
  }

  /** Keeps one until sendWaiting(). */
  defer(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    const needed = this.waitingLength + end - start;
    if (needed + (this.slots.length + 1) * WAITING_OVERHEAD > MAX_WAITING_BYTES) {
      this.observer.onFollowUpReply(slot & SLOT_MASK, FollowUpReply.FAILED);
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
    for (const [i, detail] of this.slots.entries()) {
      const start = this.ends[i - 1] ?? 0;
      const end = this.ends[i];
      if (this.ttls[i] !== WHOLE) this.send(detail, this.waiting, start, end, this.ttls[i]);
      else if (this.mayChange) {
        this.sendWhole(
          detail & SLOT_MASK,
          (detail >>> PURPOSE_SHIFT) as Purpose,
          this.waiting.subarray(start, end),
        );
      }
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

  /** They are due, but cannot be sent. */
  fail(): void {
    for (const detail of this.slots) this.observer.onFollowUpReply(detail & SLOT_MASK, FollowUpReply.FAILED);
    this.forget();
  }

  /** `detail`: of the pending reply. */
  answered(detail: number, reply: FollowUpReply): void {
    const slot = detail & SLOT_MASK;
    const purpose = (detail >>> PURPOSE_SHIFT) as Purpose;
    if (reply === FollowUpReply.DENIED) {
      if (purpose === Purpose.GIVE) this.denied = this.form.followUp;
      else this.changesDenied = true;
    }
    const change = CHANGES[purpose];
    if (purpose === Purpose.GIVE || reply === FollowUpReply.DENIED || reply === FollowUpReply.FAILED) {
      this.observer.onFollowUpReply(slot, reply);
    } else if (change !== undefined && reply === FollowUpReply.SET) this.observer.onOwnTtl(slot, change);
  }

  /** The new user may be allowed to send them. */
  userChanged(): void {
    this.denied = undefined;
    this.changesDenied = false;
  }
}
