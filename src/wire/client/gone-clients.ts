// Clients that have ended while their own connection to the server is still open. (The session drops replies that still come
// for them.) A live server reads the client's end after all commands, and closes the connection too. If the server is silent on
// that connection for the allowed time, and answers on others, the connection was lost without a close (a moved VIP, a firewall
// that lost its state): then Spillway closes it. If the server answers nowhere, it may be slow or paused, and a half-closed
// client still waits for its replies.
// Owns the set of such clients.
// Invariant: a client leaves the set when its connection ends, or is given up once.

/**
 * How many answers elsewhere, after the allowed time, show that the connection is lost. The second answer certainly belongs to
 * a question that was asked after that time.
 */
const ANSWERS_NEEDED = 2;
/** A silent connection is given up after this multiple of the allowed time, as a shared one is. */
const PATIENCE = 1.5;

export interface EndedClient {
  /**
   * A number that changes whenever the own upstream connection sends or receives something; undefined: there is no connection
   * to judge by.
   */
  readonly ownProgress: number | undefined;
}

interface Silence {
  progress: number | undefined;
  since: number;
  /** How often the server has answered elsewhere after the allowed time. */
  answers: number;
}

export class GoneClients<Client extends EndedClient> {
  private readonly silences = new Map<Client, Silence>();
  private answeredAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly responseTimeoutMs: number,
    private readonly giveUp: (client: Client) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  get size(): number {
    return this.silences.size;
  }

  /** The client sends no more. */
  add(client: Client): void {
    this.silences.set(client, { progress: client.ownProgress, since: this.clock(), answers: 0 });
  }

  forget(client: Client): void {
    this.silences.delete(client);
  }

  /** How long ago the server answered one of Spillway's own questions. May be called again. */
  serverAnswered(ageMs: number): void {
    if (this.silences.size === 0) return;
    const now = this.clock();
    const at = now - ageMs;
    // The same answer, reported again by another process.
    if (at < this.answeredAt + this.responseTimeoutMs / 10) return;
    this.answeredAt = at;
    for (const [client, silence] of this.silences) {
      const { ownProgress } = client;
      if (ownProgress === undefined || ownProgress !== silence.progress) {
        Object.assign(silence, { progress: ownProgress, since: now, answers: 0 });
      } else if (at >= silence.since + this.responseTimeoutMs * PATIENCE) {
        if (++silence.answers < ANSWERS_NEEDED) continue;
        this.silences.delete(client);
        this.giveUp(client);
      }
    }
  }
}
