// Clients that take their replies more slowly than they come on a shared connection hold up the reading of that
// connection, so that what is large arrives whole and does not wait in memory. While others wait behind them they may do
// so for a share of each second only, all of them together: so what slow readers cost the others does not depend on how
// many they are. One that nobody waits behind may hold for as long as it likes.
// Owns a timer while it holds at the others' cost. Invariant: 0 <= left <= HOLD_MS.

/** Of each second. */
const HOLD_MS = 100;
const SECOND_MS = 1000;
/** A shorter hold is not worth its system calls. */
const LEAST_MS = 10;

/** What is held. */
export interface Held {
  pause(): void;
  resume(): void;
}

export class LagBrake<Holder> {
  private readonly holders = new Set<Holder>();
  private leftMs = HOLD_MS;
  /** When `leftMs` was so. */
  private at: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly held: Held,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.at = clock();
  }

  get holds(): boolean {
    return this.holders.size > 0;
  }

  /** `alone`: nobody waits behind the holder. Without effect when the share of this second is used up. */
  hold(holder: Holder, alone: boolean): void {
    if (this.holders.has(holder)) return;
    const costs = !alone || this.timer !== undefined;
    if (costs) {
      this.settle();
      if (this.leftMs < LEAST_MS) return;
    }
    this.holders.add(holder);
    if (costs) this.timer ??= setTimeout(() => this.letGo(), this.leftMs);
    this.held.pause();
  }

  /** The client keeps up again, or is owed nothing more on the connection. */
  release(holder: Holder): void {
    if (this.holders.delete(holder) && this.holders.size === 0) this.letGo();
  }

  /** Reads on, whoever would have it held. */
  letGo(): void {
    this.settle();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.holders.clear();
    this.held.resume();
  }

  /** What was held since the last time is taken from what is left, and what has come back is given to it. */
  private settle(): void {
    const now = this.clock();
    const passed = now - this.at;
    this.at = now;
    const change = this.timer === undefined ? (passed * HOLD_MS) / SECOND_MS : -passed;
    this.leftMs = Math.min(HOLD_MS, Math.max(0, this.leftMs + change));
  }
}
