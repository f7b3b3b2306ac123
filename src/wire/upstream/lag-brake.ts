// A client that reads its replies more slowly than a shared connection brings them may stop the reading of that
// connection, so that a large reply arrives whole and does not wait in memory. While other clients wait for that
// connection, the stop is limited to a share of each second, for all slow readers together: the delay for the others does
// not grow with the number of slow readers. If no other client waits, a slow reader may stop the reading for any time.
// Owns a timer while others wait.
// Invariant: 0 <= left <= BRAKE_MS.

/** The limit for each second. */
const BRAKE_MS = 100;
const SECOND_MS = 1000;
/** A shorter pause is not worth its system calls. */
const LEAST_MS = 10;

/** The connection whose reading is stopped. */
export interface Braked {
  pause(): void;
  resume(): void;
}

export class LagBrake<Client> {
  private readonly clients = new Set<Client>();
  private leftMs = BRAKE_MS;
  /** The time at which `leftMs` was computed. */
  private at: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly braked: Braked,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.at = clock();
  }

  get isOn(): boolean {
    return this.clients.size > 0;
  }

  /** `alone`: nobody waits behind the client. Without effect once this second's share is used up. */
  apply(client: Client, alone: boolean): void {
    if (this.clients.has(client)) return;
    const costs = !alone || this.timer !== undefined;
    if (costs) {
      this.settle();
      if (this.leftMs < LEAST_MS) return;
    }
    this.clients.add(client);
    if (costs) this.timer ??= setTimeout(() => this.letGo(), this.leftMs);
    this.braked.pause();
  }

  /** The client keeps up again, or waits for nothing more on the connection. */
  release(client: Client): void {
    if (this.clients.delete(client) && this.clients.size === 0) this.letGo();
  }

  /** Reads on, although members want it stopped. */
  letGo(): void {
    this.settle();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.clients.clear();
    this.braked.resume();
  }

  /** Subtracts the time that reading was stopped since the last call, and adds what has been earned since. */
  private settle(): void {
    const now = this.clock();
    const passed = now - this.at;
    this.at = now;
    const change = this.timer === undefined ? (passed * BRAKE_MS) / SECOND_MS : -passed;
    this.leftMs = Math.min(BRAKE_MS, Math.max(0, this.leftMs + change));
  }
}
