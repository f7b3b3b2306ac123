// What is logged of readings that fail: the same trouble once, not at every try, and one that comes and goes not at every
// turn. Invariant: as much is kept as there are hints.
import type { Logger } from 'pino';
import { hintFor } from './hints.js';
import { BadReading } from './reading.js';

const BAD_READING = 'its INFO cannot be used; trying again';
/** A trouble that has ended and comes again is logged so often at most. */
const REPEAT_MS = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class TroubleLog {
  /** The last error since the last reading; '': there is none. */
  lastError = '';
  /** By hint: what was logged of the trouble that there is, and when each was. */
  private readonly reported = new Set<string>();
  private readonly reportedAt = new Map<string, number>();

  constructor(
    private readonly log: Logger,
    private readonly clock: () => number,
  ) {}

  report(error: Error): void {
    this.lastError = error.message;
    const hint = error instanceof BadReading ? BAD_READING : hintFor(error);
    const now = this.clock();
    if (this.reported.has(hint) || now - (this.reportedAt.get(hint) ?? NEVER) < REPEAT_MS) return;
    this.reported.add(hint);
    this.reportedAt.set(hint, now);
    this.log.error({ err: error.message }, `memory monitor: no reading from the upstream: ${hint}`);
  }

  recovered(): void {
    if (this.lastError === '') return;
    this.lastError = '';
    if (this.reported.size === 0) return;
    this.reported.clear();
    this.log.info('memory monitor: reading the upstream again');
  }
}
