// What comes on a connection while Spillway listens to nobody: late in a pause, when the server may not be the primary any more,
// though it answers. A frozen one that wakes executes what lies in its socket, and its "OK" would be lost with it.
// Invariants: nothing of it reaches a client before the pause is over, and nothing at all if the connection is cut; the socket is
// not read on, so that little is held.
import type { Following } from './following.js';

export class HeldReplies {
  private readonly chunks: Buffer[] = [];

  constructor(
    private readonly following: Following | undefined,
    /** Stops reading. */
    private readonly stop: () => void,
  ) {}

  /** Whether `chunk` was held: it must not be read now. */
  hold(chunk: Buffer): boolean {
    if (this.following?.isDeaf !== true) return false;
    // Its memory is used again for the next one.
    this.chunks.push(Buffer.from(chunk));
    this.stop();
    return true;
  }

  /** The pause is over: what came in it. */
  take(): Buffer[] {
    return this.chunks.splice(0);
  }
}
