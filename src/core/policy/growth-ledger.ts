// Counts the admitted growth in estimated bytes, and how much of it a reading of memory certainly contains.
// Growth is pending from the moment its bytes are sent until its reply comes, but for two ages at most: bytes sent earlier are
// in the server's memory by then, executed or in a buffer. Asking for a reading ends an age. Numbers only, written on the hot
// path.
// Invariants: growth is answered only while it is pending; answered + fresh + older is the growth admitted here; all are whole
// numbers, so rounding leaves no rest.
import { invariant } from '../resp/invariant.js';
import { Priority } from './rule.js';

/** The shortest age: a server that answers INFO has read the earlier commands by then. */
const AGE_MS = 400;

export class GrowthLedger {
  /** Admitted growth, cumulative; with several gates, that of all of them, as far as known. */
  admitted = 0;
  /** By priority: the growth admitted here, or in the gates that this one sums up. */
  readonly admittedBy = new Float64Array(4);
  /**
   * Number of gates before the same server. Until workers have exchanged figures, each assumes that the others admit as much
   * as it does; then the owner corrects `admitted`.
   */
  gates = 1;
  /** Growth admitted here that a reading asked for now certainly contains. */
  answered = 0;
  /** Bytes still to come of large writes that began at most two ages ago. */
  promised = 0;
  /** The same at the other gates, as last reported. */
  promisedElsewhere = 0;
  /** Number of the present age. */
  age = 0;
  /**
   * onGrowth is called for each promise, and when `admitted` passes this value: the next edge of a band, or a step on the way.
   */
  wakeAt = Number.POSITIVE_INFINITY;
  /** Set by the owner: computes the pressure again and sets a new wakeAt. */
  onGrowth: () => void = () => {};
  /** Growth without a reply that was sent in this age, and in the one before. */
  private fresh = 0;
  private older = 0;
  /** `promised`, by the age in which the write began. */
  private promisedFresh = 0;
  private promisedOlder = 0;
  private ageBegan = Number.NEGATIVE_INFINITY;

  /** A growing write of about `growth` bytes, or a part of one, is forwarded. */
  grow(growth: number, priority: Priority = Priority.NORMAL): void {
    this.fresh += growth;
    this.admittedBy[priority] += growth;
    this.admitted += growth * this.gates;
    if (this.admitted >= this.wakeAt) this.onGrowth();
  }

  /** Replies have come for growth of this age, and of the one before. */
  answer(fresh: number, older: number): void {
    this.fresh -= fresh;
    this.older -= older;
    invariant(this.fresh >= 0 && this.older >= 0, 'no more growth is answered than is under way');
    this.answered += fresh + older;
  }

  /** A large write has begun; this many bytes are still to come. */
  promise(bytes: number): void {
    this.promisedFresh += bytes;
    this.sumUpPromises();
    this.onGrowth();
  }

  /** This many bytes that were promised in `age` have come, or will never come. */
  redeem(bytes: number, age: number): void {
    if (age === this.age) this.promisedFresh -= bytes;
    else if (age === this.age - 1) this.promisedOlder -= bytes;
    this.sumUpPromises();
  }

  /** A reading will be asked for now; `now`: monotonic milliseconds. */
  readingAsked(now: number): void {
    if (now - this.ageBegan < AGE_MS) return;
    this.ageBegan = now;
    this.age++;
    this.answered += this.older;
    this.older = this.fresh;
    this.fresh = 0;
    this.promisedOlder = this.promisedFresh;
    this.promisedFresh = 0;
    this.sumUpPromises();
  }

  private sumUpPromises(): void {
    this.promised = this.promisedFresh + this.promisedOlder;
  }
}
