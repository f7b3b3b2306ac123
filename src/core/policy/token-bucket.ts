// One rate of a rule. Tokens arrive at the rate, up to one second's worth, and each write takes some. A write that finds any
// token may take more than there are. The overdraft is paid back before the next write takes tokens. So every write can pass at
// some time, and in the long run writes take no more than arrives. With several workers each has the whole bucket. Tokens that
// a worker has taken since its last report count once for each worker, because the others probably take as much. When the
// worker learns what they really took, it corrects the difference. So all workers together take no more than one may, except
// for tokens not reported yet, which are paid back too.
// Invariants: no clock; tokens never exceed the capacity; tokens = what arrived - what was taken - what did not fit. A write
// changes one number, since each command pays for it; the others follow from it.

/** The numbers of a bucket. They are in an array: as fields each change would make a number object on the heap. */
/** Tokens, if those of FRESH had not been taken. */
const LEFT = 0;
/** Tokens taken here since the last report, and those reported and not yet confirmed. */
const FRESH = 1;
const TOLD = 2;
/** All tokens that were ever taken before FRESH. */
const SETTLED = 3;

export class TokenBucket {
  private readonly counts = new Float64Array(4);

  /** `perSecond`: at least 1. It begins full. `takers`: workers that share it. */
  constructor(
    private perSecond: number,
    private readonly takers = 1,
  ) {
    this.tokens = perSecond;
  }

  get tokens(): number {
    return this.counts[LEFT] - this.counts[FRESH] * this.takers;
  }

  set tokens(count: number) {
    this.counts[LEFT] = count + this.counts[FRESH] * this.takers;
  }

  get rate(): number {
    return this.perSecond;
  }

  /** All that was ever taken. */
  get taken(): number {
    return this.counts[SETTLED] + this.counts[FRESH];
  }

  /** Whether at least one token is there. */
  get open(): boolean {
    return this.tokens >= 1;
  }

  /** Sets another rate from now on; the present tokens stay, as far as they fit. */
  setRate(perSecond: number): void {
    this.perSecond = perSecond;
    this.tokens = Math.min(this.tokens, perSecond);
  }

  /** A copy for a single process that takes from it alone. */
  copy(): TokenBucket {
    const copy = new TokenBucket(this.perSecond);
    copy.tokens = this.tokens;
    return copy;
  }

  refill(ms: number): void {
    this.add((this.perSecond * ms) / 1000);
  }

  take(count: number): void {
    this.counts[FRESH] += count;
  }

  /** The tokens taken here since the last call; heard() must follow. */
  tell(): number {
    const { counts } = this;
    const fresh = counts[FRESH];
    counts[LEFT] -= fresh * this.takers;
    counts[SETTLED] += fresh;
    counts[TOLD] += fresh;
    counts[FRESH] = 0;
    return fresh;
  }

  /** The others know what was reported, and have taken `count` since the last call. */
  heard(count: number): void {
    const told = this.counts[TOLD];
    this.counts[TOLD] = 0;
    this.add(told * (this.takers - 1) - count);
  }

  private add(count: number): void {
    this.tokens = Math.min(this.perSecond, this.tokens + count);
  }
}
