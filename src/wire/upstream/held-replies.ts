// Replies that arrive late in a pause, when the server may no longer be the primary although it answers. A frozen server that
// wakes executes the commands in its socket, and its "OK" would be lost with it.
// Invariants: no such reply reaches a client before the pause is over, and none at all if the connection is cut. The socket is
// not read further, so that little is held.
import type { Following } from './following.js';

export class HeldReplies {
  private readonly chunks: Buffer[] = [];

  constructor(
    private readonly following: Following | undefined,
    /** Stops reading. */
    private readonly stop: () => void,
  ) {}

  /** Whether `chunk` was held: then it must not be processed now. */
  hold(chunk: Buffer): boolean {
    if (this.following?.isDeaf !== true) return false;
    // Its memory is reused for the next one.
    this.chunks.push(Buffer.from(chunk));
    this.stop();
    return true;
  }

  /** The pause is over: returns what arrived during it. */
  take(): Buffer[] {
    return this.chunks.splice(0);
  }
}
