// The log of failing readings: one line for the same trouble, not one for each attempt, and not one each time that a trouble
// comes back soon. Invariant: it keeps at most one entry for each hint.
import type { Logger } from 'pino';
import { hintFor, messageOf } from './hints.js';
import { BadReading } from './reading.js';

const BAD_READING = 'Spillway cannot use what INFO says';
/** A trouble that has ended and comes back is logged at most this often. */
const REPEAT_MS = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class TroubleLog {
  /** The last error since the last reading; '': none. */
  lastError = '';
  /** What it means, and what to do about it; undefined: there was no error, or nothing is known about it. */
  lastHint: string | undefined;
  /** By hint: the errors of the present trouble that were logged, and when. */
  private readonly reported = new Set<string | undefined>();
  private readonly reportedAt = new Map<string | undefined, number>();

  constructor(
    private readonly log: Logger,
    private readonly clock: () => number,
  ) {}

  report(error: Error): void {
    this.lastError = messageOf(error);
    const hint = error instanceof BadReading ? BAD_READING : hintFor(error);
    this.lastHint = hint;
    const now = this.clock();
    if (this.reported.has(hint) || now - (this.reportedAt.get(hint) ?? NEVER) < REPEAT_MS) return;
    this.reported.add(hint);
    this.reportedAt.set(hint, now);
    const what = hint === undefined ? '' : `${hint}; `;
    this.log.error(
      { err: this.lastError },
      `memory monitor: no reading from the server: ${what}trying again`,
    );
  }

  recovered(): void {
    if (this.lastError === '') return;
    this.lastError = '';
    this.lastHint = undefined;
    if (this.reported.size === 0) return;
    this.reported.clear();
    this.log.info('memory monitor: readings from the server arrive again');
  }
}
