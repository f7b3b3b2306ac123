// Who gets replies on an upstream connection that several clients share, and what it is to those who do.
import type { ReplyScanner } from '../../resp/reply-scanner.js';

/** An upstream connection on which the replies of several sessions come, in the order in which they were asked for. */
export interface SharedReplies {
  readonly scanner: ReplyScanner;
  /** `count` more replies will come for `owner`. */
  owe(owner: ReplyOwner, count: number): void;
}

/** A session that has replies to come on a shared connection. */
export interface ReplyOwner {
  /** How many replies the last takeShared() took. */
  readonly taken: number;
  /** As ReplySequencer.receive(). */
  takeShared(buf: Uint8Array, at: number, end: number, most: number): number;
  /** The connection is lost, and part of its reply is delivered: nothing right can be said to its client any more. */
  cutShared(): void;
  /** The connection is lost: the next `count` replies will not come. */
  failShared(count: number, error: Uint8Array): void;
}
