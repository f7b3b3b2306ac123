// Logs what keeps Spillway from making room: one line when it begins, one when it ends, and none each time that it comes back
// soon. Invariant: the same trouble is logged at most once in REPEAT_MS.
import type { Logger } from 'pino';

const REPEAT_MS = 60_000;

export class TroubleWatch {
  private logged: string | undefined;
  private readonly loggedAt = new Map<string, number>();

  constructor(
    private readonly log: Logger,
    private readonly clock: () => number,
  ) {}

  /** What is wrong now; undefined: nothing. */
  see(trouble: string | undefined): void {
    if (trouble === this.logged) return;
    const now = this.clock();
    if (trouble === undefined) {
      this.logged = undefined;
      this.log.info('evict: Spillway can remove keys again');
      return;
    }
    if (now - (this.loggedAt.get(trouble) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    // Texts come from the server, so they are not kept for ever.
    if (this.loggedAt.size >= 16) this.loggedAt.clear();
    this.loggedAt.set(trouble, now);
    this.logged = trouble;
    this.log.error(
      { err: trouble },
      'evict: Spillway cannot remove keys; when memory fills up it refuses writes, as it does without evict',
    );
  }
}
