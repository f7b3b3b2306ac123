// The interface through which the core reports traffic; the statistics implement it. Called on the hot path.
// Implementations must not allocate per call, throw, or keep the key's buffer.
import type { CommandSpec } from '../commands/spec.js';
import type { Refusal } from './refusal.js';
import type { Spared } from './spared.js';

/** The outcome for the TTL of one written key. A write has one for each of its keys. */
export const TtlOutcome = {
  /** The write was given the rule's TTL in place. */
  INJECTED: 0,
  /** Its explicit TTL was longer than maxTtl and was cut. */
  CLAMPED: 1,
  /** It carried a TTL within bounds. */
  HAD_TTL: 2,
  /** It leaves the key without a TTL: no rule, a rule without ttl, or a durable one. */
  WITHOUT_TTL: 3,
  /** A follow-up was sent for it; the answer comes by onFollowUpReply. */
  FOLLOW_UP: 4,
  /** It keeps whatever TTL the key has (INCR, HSET, SET KEEPTTL …) and no follow-up was sent. */
  KEPT: 5,
  /** Observe mode: would have been INJECTED or given a follow-up. */
  WOULD_INJECT: 6,
  /** Observe mode: would have been CLAMPED. */
  WOULD_CLAMP: 7,
} as const;
export type TtlOutcome = (typeof TtlOutcome)[keyof typeof TtlOutcome];

/** Redis's reply to a follow-up. */
export const FollowUpReply = {
  /** `:1`: the key had no TTL and has one now. */
  SET: 0,
  /** `:0`: the key had a TTL already, or is gone. */
  UNCHANGED: 1,
  /** `-NOPERM`: this user may not PEXPIRE. */
  DENIED: 2,
  /** Any other error, or the follow-up was not sent because a bound was reached. */
  FAILED: 3,
} as const;
export type FollowUpReply = (typeof FollowUpReply)[keyof typeof FollowUpReply];

/** What happened to a TTL that a rule had given. */
export const OwnTtlChange = {
  /** It gave way to the TTL that the application set. */
  YIELDED: 0,
  /** A write to its key restarted it. */
  RENEWED: 1,
  /** Its key got another name, and the rule there has another TTL or none. */
  LEFT_BEHIND: 2,
} as const;
export type OwnTtlChange = (typeof OwnTtlChange)[keyof typeof OwnTtlChange];

export interface TrafficObserver {
  /**
   * One key of a forwarded write. `bytes` is this key's share of the command on the wire as the client sent it
   * (with one key: all of it). `hash` is hashKey(key). `slot` 0: no rule matches. `db`: its database; -1: not known. `inMulti`: it
   * is a part of a transaction.
   */
  onWrite(
    slot: number,
    command: CommandSpec,
    bytes: number,
    outcome: TtlOutcome,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
    inMulti: boolean,
  ): void;
  /** A forwarded write removed the TTL of its key, and no rule gave it another, as far as known. */
  onTtlDropped(slot: number): void;
  /**
   * A write was refused with OOM (`observed`: would have been, in observe mode). Once for each command, by its deciding key.
   */
  onShed(slot: number, command: CommandSpec, bytes: number, refusal: Refusal, observed: boolean): void;
  /** A write passed although its key is among those that are refused. Once for each command, by the last such key. */
  onSpared(slot: number, reason: Spared): void;
  /** Redis changed a TTL that a rule had given, as Spillway had asked. */
  onOwnTtl(slot: number, change: OwnTtlChange): void;
  onFollowUpReply(slot: number, reply: FollowUpReply): void;
  /** Redis itself answered OOM to a client's command. */
  onUpstreamOom(): void;
  /** One command in some hundreds is timed, from its last byte sent to the last byte of its reply. */
  onLatency(milliseconds: number): void;
}
