// Attempts to get one answer from the server, each on a connection of its own. When an attempt brings nothing in its time,
// another one starts beside it: a server that vanished without closing is noticed by TCP only much later.
// Owns the list of running attempts. Invariants: at most `most` run at a time, and the oldest gives way; an attempt that has
// left the list is closed, or was taken out by its user.

/** An attempt without an answer gets a second one beside it after this time. */
const ATTEMPT_MS = 1000;

export interface Attempt {
  close(): void;
}

export class Attempts<A extends Attempt> implements Iterable<A> {
  private readonly open: A[] = [];
  private begunAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly most: number,
    private readonly mostDoublings: number,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  get size(): number {
    return this.open.length;
  }

  /** The attempt that began last. */
  get newest(): A | undefined {
    return this.open.at(-1);
  }

  /** The oldest first. */
  [Symbol.iterator](): Iterator<A> {
    return this.open[Symbol.iterator]();
  }

  /** The last attempt has had its time. It doubles with each doubling. */
  isDue(doublings: number): boolean {
    const patience = ATTEMPT_MS * 2 ** Math.min(doublings, this.mostDoublings);
    return this.clock() - this.begunAt >= patience;
  }

  begin(attempt: A): void {
    this.begunAt = this.clock();
    if (this.open.length === this.most) this.open.shift()?.close();
    this.open.push(attempt);
  }

  /** Takes the attempt off the list, unchanged. Returns whether it was there. */
  take(attempt: A): boolean {
    const at = this.open.indexOf(attempt);
    if (at >= 0) this.open.splice(at, 1);
    return at >= 0;
  }

  /** Ends the attempts that began before that one. */
  closeOlder(attempt: A): void {
    for (const older of this.open.splice(0, Math.max(0, this.open.indexOf(attempt)))) older.close();
  }

  closeAll(): void {
    for (const attempt of this.open.splice(0)) attempt.close();
  }
}
