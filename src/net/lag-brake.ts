// A client that takes its replies more slowly than they come on a shared connection may hold up the reading of that
// connection, and with it all that share it: so that what is large arrives whole, and does not wait in memory. But
// only for so long in all; then others come first, and it is given up when too much waits for it.
// Owns a timer while it holds. Invariants: it holds one connection at most, and never for longer than is left.
const HOLD_MS = 2000;

/** What is held, and by whom. */
export interface Holdable<Holder> {
  hold(holder: Holder): void;
  release(holder: Holder): void;
}

export class LagBrake<Holder> {
  private held: Holdable<Holder> | undefined;
  private leftMs = HOLD_MS;
  private since = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly holder: Holder) {}

  hold(connection: Holdable<Holder>): void {
    if (this.held !== undefined || this.leftMs <= 0) return;
    this.held = connection;
    this.since = performance.now();
    this.timer = setTimeout(() => this.release(), this.leftMs);
    connection.hold(this.holder);
  }

  /** The client keeps up again, has left the connection, or has held it for long enough. */
  release(): void {
    const { held } = this;
    if (held === undefined) return;
    this.held = undefined;
    clearTimeout(this.timer);
    this.leftMs -= performance.now() - this.since;
    held.release(this.holder);
  }
}
