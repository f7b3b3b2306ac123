// What connections to a server that may move need to know: whether they may be made, and how long to wait. One for all
// connections of a process, set by wire/client/clients.ts. With a fixed address there is none.

/** What connections that cannot be made wait for, while no pause is told. */
export const PATIENCE_MS = 3000;
/** Between two attempts to connect. */
export const AGAIN_MS = 20;

export class Following {
  /** No new command goes up, and no connection is made. */
  isPaused = false;
  /** The pause has lasted so long that the server may no longer be the primary: replies that come now are held. */
  isDeaf = false;
  /** The pause has run out: nobody waits any more. */
  isGone = false;

  /** Whether a connection that could not be made, first at `since` (performance.now()), is tried again. */
  waits(since: number): boolean {
    return this.isPaused ? !this.isGone : performance.now() - since < PATIENCE_MS;
  }
}
