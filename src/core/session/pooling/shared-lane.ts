// Whose reply is next on an upstream connection that several sessions share: a ring of owners and how many replies
// in a row are theirs. Owns the scanner of that connection; each owner does with its replies what it owes to them.
//
//   upstream bytes ─▶ owner of the first run ─▶ takes up to `count` replies ─▶ next owner …
//
// Invariants: every count is at least 1; an owner's bytes end where its replies end; what comes unasked is no
// reply, and nobody's: of a push nothing is made (another connection's CLIENT TRACKING … REDIRECT may name this one),
// after anything else the connection cannot be used any more.
import { GREATER } from '../../resp/bytes.js';
import { invariant } from '../../resp/invariant.js';
import { ReplyScanner } from '../../resp/reply-scanner.js';
import type { ReplyOwner, SharedReplies } from '../reply/reply-owner.js';

export class SharedLane implements SharedReplies {
  readonly scanner = new ReplyScanner();
  private owners = new Array<ReplyOwner | undefined>(16).fill(undefined);
  private counts = new Int32Array(16);
  private first = 0;
  private size = 0;
  /** A push has begun to come while nothing was. */
  private stray = false;

  /** Nothing is to come. */
  get idle(): boolean {
    return this.size === 0;
  }

  /** All that is to come is for this owner. */
  isOnly(owner: ReplyOwner): boolean {
    return this.size === 1 && this.owners[this.first] === owner;
  }

  owe(owner: ReplyOwner, count: number): void {
    invariant(count > 0, 'what is owed on a shared connection is at least one reply');
    const mask = this.counts.length - 1;
    if (this.size > 0) {
      const last = (this.first + this.size - 1) & mask;
      if (this.owners[last] === owner) {
        this.counts[last] += count;
        return;
      }
      if (this.size === this.counts.length) this.grow();
    }
    const at = (this.first + this.size) & (this.counts.length - 1);
    this.owners[at] = owner;
    this.counts[at] = count;
    this.size++;
  }

  /** Hands the server's next bytes to their owners. Returns false when they are nobody's, or no replies. */
  receive(buf: Uint8Array): boolean {
    const end = buf.length;
    for (let at = 0; at < end; ) {
      if (this.stray || (this.size === 0 && buf[at] === GREATER)) {
        at = this.scanner.scan(buf, at, end);
        this.stray = !this.scanner.atBoundary;
        if (this.scanner.malformed) return false;
        continue;
      }
      const owner = this.owners[this.first];
      if (this.size === 0 || owner === undefined) return false;
      at = owner.takeShared(buf, at, end, this.counts[this.first]);
      if (this.scanner.malformed) return false;
      invariant(owner.taken <= this.counts[this.first], 'who shares a connection takes no reply of others');
      this.counts[this.first] -= owner.taken;
      if (this.counts[this.first] === 0) this.shift();
    }
    return true;
  }

  /**
   * Nothing more will come: each owner gets `error` for each of its replies, but for the one that has got part of its
   * reply already: it gets nothing any more, and is returned.
   */
  fail(error: Uint8Array): ReplyOwner | undefined {
    const cut = this.scanner.atBoundary || this.stray ? undefined : this.owners[this.first];
    cut?.cutShared();
    while (this.size > 0) {
      const owner = this.owners[this.first];
      const count = this.counts[this.first];
      this.shift();
      owner?.failShared(count, error);
    }
    return cut;
  }

  private shift(): void {
    this.owners[this.first] = undefined;
    this.first = (this.first + 1) & (this.counts.length - 1);
    this.size--;
  }

  private grow(): void {
    const { owners, counts } = this;
    const mask = counts.length - 1;
    this.owners = new Array<ReplyOwner | undefined>(counts.length * 2).fill(undefined);
    this.counts = new Int32Array(counts.length * 2);
    for (let i = 0; i < this.size; i++) {
      this.owners[i] = owners[(this.first + i) & mask];
      this.counts[i] = counts[(this.first + i) & mask];
    }
    this.first = 0;
  }
}
