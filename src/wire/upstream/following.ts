// What connections to a primary that may move need to know: whether they may be made, and how long to wait. One object for all
// connections of a process, set by wire/client/clients.ts. With a fixed address there is none.

/** How long a connection that cannot be made waits while no pause is announced. */
export const UNTOLD_PAUSE_MS = 3000;
/** Between two attempts to connect. */
export const AGAIN_MS = 20;

export class Following {
  /** No new command goes up, and no connection is made. */
  isPaused = false;
  /** The pause has lasted so long that the server may no longer be the primary: replies that come now are held. */
  isDeaf = false;
  /** The pause has ended without a primary: nobody waits longer. */
  isGone = false;

  /** Whether to try again to make a connection that first failed at `since` (performance.now()). */
  waits(since: number): boolean {
    return this.isPaused ? !this.isGone : performance.now() - since < UNTOLD_PAUSE_MS;
  }
}
