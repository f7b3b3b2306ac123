// The sum of the bytes in memory for clients that share connections and read slowly. Their replies come mixed with those of
// other clients, so they cannot be left with the server. Owns the sum.
// Invariant: the sum is that of the figures that each client last set.

/** The limit for all clients of a process. */
const MOST_BYTES = 128 * 1024 * 1024;

export class UnreadReplies<Client> {
  private readonly bytes = new Map<Client, number>();
  private sum = 0;

  constructor(private readonly mostBytes = MOST_BYTES) {}

  /** Notes how many bytes wait for the client. Returns whether the bytes of all clients are within the bound. */
  set(client: Client, bytes: number): boolean {
    const before = this.bytes.get(client);
    if (before === undefined && bytes === 0) return true;
    this.sum += bytes - (before ?? 0);
    if (bytes === 0) this.bytes.delete(client);
    else this.bytes.set(client, bytes);
    return this.sum <= this.mostBytes;
  }

  /** The client with the most waiting bytes. */
  most(): Client | undefined {
    let most: Client | undefined;
    let mostBytes = 0;
    for (const [client, bytes] of this.bytes) {
      if (bytes <= mostBytes) continue;
      most = client;
      mostBytes = bytes;
    }
    return most;
  }
}
