// Whose replies come next on a shared connection: a ring of owners, each with the number of replies in a row that are
// theirs.
// Owns the connection's reply scanner. It does not know what owners do with their replies.
//
//   upstream bytes ─▶ owner of the first run ─▶ takes up to `count` replies ─▶ next owner …
//
// Invariants: every count is at least 1; an owner's bytes end where its replies end. Bytes that arrive while no reply is
// due have no owner. A push among them is dropped (another client's CLIENT TRACKING … REDIRECT may name this connection);
// after anything else the connection is no longer usable.
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
  /** Part of a push has come while no reply was due. */
  private stray = false;

  /** No reply is due. */
  get idle(): boolean {
    return this.size === 0;
  }

  /** All replies that are due are this owner's. */
  isOnly(owner: ReplyOwner): boolean {
    return this.size === 1 && this.owners[this.first] === owner;
  }

  owe(owner: ReplyOwner, count: number): void {
    invariant(count > 0, 'at least one reply is due to an owner on a shared connection');
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

  isCut(owner: ReplyOwner): boolean {
    return !this.scanner.atBoundary && !this.stray && this.owners[this.first] === owner;
  }

  /** Hands the server's next bytes to their owners. Returns false if they belong to nobody or are not RESP. */
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
      invariant(owner.taken <= this.counts[this.first], 'an owner takes no replies of others');
      this.counts[this.first] -= owner.taken;
      if (this.counts[this.first] === 0) this.shift();
    }
    return true;
  }

  /**
   * The connection is lost: each owner gets `error` for each of its replies. An owner that has got part of a reply gets
   * nothing more, and is returned.
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
