// Log lines about clients that cannot be served. Each kind is logged once in LOG_MS at most: a server that is away, or a scanner,
// would else write a line for each client.
import type { Logger } from 'pino';

const LOG_MS = 1000;

type Kind = 'turnedAway' | 'fault' | 'failure';

export class ClientTroubles {
  private readonly loggedAt: Record<Kind, number> = {
    turnedAway: Number.NEGATIVE_INFINITY,
    fault: Number.NEGATIVE_INFINITY,
    failure: Number.NEGATIVE_INFINITY,
  };

  /** `follows`: the primary may move, so that clients wait for it. */
  constructor(
    private readonly log: Logger,
    private readonly follows: boolean,
  ) {}

  /** A client's TLS handshake has failed, or the client did not send the PROXY header that it must send. */
  turnedAway(source: string, error: Error): void {
    if (!this.isDue('turnedAway')) return;
    // OpenSSL's message is long and says the same.
    const { reason = error.message } = error as Error & { reason?: string };
    this.log.warn(
      { source, err: reason },
      'refused a client: its TLS handshake failed, or it sent no PROXY header',
    );
  }

  /** A bug in Spillway has ended a client. */
  fault(client: string, fault: unknown): void {
    if (!this.isDue('fault')) return;
    this.log.error({ client, err: fault }, 'a bug in Spillway ended this client; please report it');
  }

  /** An upstream connection could not be made. */
  unreachable(error: Error): void {
    if (!this.isDue('failure')) return;
    if (this.follows)
      this.log.warn({ err: error.message }, 'cannot reach the primary; clients wait for a failover to end');
    else this.log.error({ err: error.message }, 'cannot reach the server, so Spillway reset a client');
  }

  private isDue(kind: Kind): boolean {
    const now = performance.now();
    if (now - this.loggedAt[kind] < LOG_MS) return false;
    this.loggedAt[kind] = now;
    return true;
  }
}
