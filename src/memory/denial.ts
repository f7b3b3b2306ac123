// Whether the server refuses its user to examine keys, or does not know the commands. Then Spillway asks only now and then, since
// each refusal is an entry of ACL LOG, and says once what it cannot do.
import type { Logger } from 'pino';
import type { Answers } from './question.js';

const DENIED_FOR_MS = 60_000;
/** While the answer would decide something. */
const DENIED_NEAR_MS = 5000;
const DENIAL = /^(?:NOPERM|ERR unknown (?:sub)?command)/i;

export class Denial {
  private since = Number.NEGATIVE_INFINITY;

  /**
   * `consequence`: what Spillway cannot do, and which rights the user needs. `clock`: monotonic milliseconds. `isNear`: whether
   * the answer would decide something.
   */
  constructor(
    private readonly consequence: string,
    private readonly clock: () => number,
    private readonly log: Logger,
    private readonly isNear: () => boolean,
  ) {}

  /** Whether nothing should be asked at present. */
  get isInForce(): boolean {
    return this.clock() < this.since + (this.isNear() ? DENIED_NEAR_MS : DENIED_FOR_MS);
  }

  /** Whether the server has refused one of the questions. */
  isIn(answers: Answers): boolean {
    const refusal = answers.find(([error]) => error !== null && DENIAL.test(error.message))?.[0];
    if (refusal == null) return false;
    if (this.since === Number.NEGATIVE_INFINITY) this.log.warn({ err: refusal.message }, this.consequence);
    this.since = this.clock();
    return true;
  }

  /** The server may be another one. */
  startOver(): void {
    this.since = Number.NEGATIVE_INFINITY;
  }
}
