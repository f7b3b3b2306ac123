// What has been let through, in estimated bytes of growth, and how much of it a reading of memory is certain to contain.
// Growth is under way from the moment its bytes go up until its reply comes, but for two ages at most: what went up
// earlier is in the server's memory by then, executed or in a buffer, whatever the client or the server waits for.
// An age ends with a reading that is asked for. Numbers only, written on the hot path.
// Invariants: nothing is answered that is not under way; answered + fresh + older is what was let through here; all are whole numbers, so nothing is ever left over.
import { invariant } from '../resp/invariant.js';

/** At least so long an age is: a server that answers INFO has read by then what came before. */
const AGE_MS = 400;

export class GrowthLedger {
  /** Growth let through so far, cumulative; with several gates what all of them let through, as far as is known. */
  admitted = 0;
  /**
   * How many gates stand before the same server. What passes here is taken to pass each of them, until the owner has
   * heard of the others and sets `admitted` right.
   */
  gates = 1;
  /** Growth let through here that a reading asked for now contains for certain. */
  answered = 0;
  /** Bytes of large writes that have begun and are still to come; not those that began more than two ages ago. */
  promised = 0;
  /** The same of other gates before the server, as last heard. */
  promisedElsewhere = 0;
  /** Number of the present age. */
  age = 0;
  /** When `admitted` passes this, and with each promise, onGrowth is called: the next band edge, or a step on the way. */
  wakeAt = Number.POSITIVE_INFINITY;
  /** Set by the owner; looks at the pressure again and sets a new wakeAt. */
  onGrowth: () => void = () => {};
  /** Growth without a reply that went up in this age, and in the one before. */
  private fresh = 0;
  private older = 0;
  /** `promised`, by the age in which the write began. */
  private promisedFresh = 0;
  private promisedOlder = 0;
  private ageBegan = Number.NEGATIVE_INFINITY;

  /** A growing write, or a part of one, of about `growth` bytes is being forwarded. */
  grow(growth: number): void {
    this.fresh += growth;
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

  /** A large write has begun, of which so many bytes are still to come. */
  promise(bytes: number): void {
    this.promisedFresh += bytes;
    this.sumUpPromises();
    this.onGrowth();
  }

  /** So many bytes that were promised in `age` have come, or never will. */
  redeem(bytes: number, age: number): void {
    if (age === this.age) this.promisedFresh -= bytes;
    else if (age === this.age - 1) this.promisedOlder -= bytes;
    this.sumUpPromises();
  }

  /** A reading is about to be asked for, at `now` (monotonic milliseconds). */
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
