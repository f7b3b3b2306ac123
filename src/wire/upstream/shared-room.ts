// How many shared connections a process may have, given how many files it may open. Each client takes two connections: its
// own, and one to the server. A shared connection is made only if afterwards every client that is there could still have an
// own one, and only up to a share of all connections, so that new clients find room. Without room for a shared connection a
// client keeps an own one.
// Owns the count of shared connections. Invariant: two for each client, plus the shared ones, are at most `connections`, as
// long as no more than `mostClients` come.

/** A client's connection, and its own one to the server. */
export const CONNECTIONS_PER_CLIENT = 2;
/** The part of all connections that may be shared. */
const MOST_SHARED = 1 / 4;
/** One for writes, and one that does not wait behind them. */
export const LEAST_SHARED = 2;

export class SharedRoom {
  private shared = 0;
  private readonly kept: number;

  constructor(
    /** Connections of clients and to the server that the process may have. */
    private readonly connections: number,
    /** The shared connections of one user's clients: these always have room. */
    size: number,
    /** Clients that are connected. */
    private readonly clients: () => number,
  ) {
    this.kept = size === 0 ? 0 : Math.max(size, LEAST_SHARED);
  }

  /** Whether one more may be made. */
  get isThere(): boolean {
    const { shared, connections } = this;
    if (shared < this.kept) return true;
    return (
      shared < connections * MOST_SHARED && this.clients() * CONNECTIONS_PER_CLIENT + shared < connections
    );
  }

  /** The most clients that can be served, given the shared connections that exist. */
  get mostClients(): number {
    return Math.floor((this.connections - Math.max(this.kept, this.shared)) / CONNECTIONS_PER_CLIENT);
  }

  take(): void {
    this.shared++;
  }

  give(): void {
    this.shared--;
  }
}
