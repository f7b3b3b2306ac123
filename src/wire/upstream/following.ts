// What connections to a server that may be elsewhere later need to know: whether they may be made, and how long to wait. One for
// all connections of a process. Somebody else decides; where the address is fixed there is none.

/** What connections that cannot be made wait for, while no pause is told. */
export const PATIENCE_MS = 3000;
/** Between two attempts to connect. */
export const AGAIN_MS = 20;

/** What connections to such a server need to know. */
export class Following {
  /** No new command goes up, and no connection is made. */
  isPaused = false;
  /** The pause has lasted so long that a reply may come of a server that is not the primary any more: none is taken. */
  isDeaf = false;
  /** The pause has run out: nobody waits any more. */
  isGone = false;

  /** One that could not be made, first at `since`, is tried again. */
  waits(since: number): boolean {
    return this.isPaused ? !this.isGone : performance.now() - since < PATIENCE_MS;
  }
}
