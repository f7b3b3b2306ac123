// The contract between a shared connection and the sessions that get replies on it.
import type { ReplyScanner } from '../../resp/reply-scanner.js';

/** A shared connection: replies for several sessions arrive in the order of their commands. */
export interface SharedReplies {
  readonly scanner: ReplyScanner;
  /** `count` more replies will come for `owner`. */
  owe(owner: ReplyOwner, count: number): void;
  /** Whether `owner` has got a part of a reply. */
  isCut(owner: ReplyOwner): boolean;
}

/** Whose pending replies on a shared connection are: a session, or a question of Spillway's own. */
export interface ReplyOwner {
  /** How many replies the last takeShared() took. */
  readonly taken: number;
  /** As ReplySequencer.receive(). */
  takeShared(buf: Uint8Array, at: number, end: number, most: number): number;
  /** The connection is lost after part of a reply was delivered: the client gets nothing more. */
  cutShared(): void;
  /** The connection is lost: the next `count` replies become `error`. */
  failShared(count: number, error: Uint8Array): void;
}
