// Which of the keys that the ring has handed out must stay, because something was heard of them since that the ring itself does
// not show: they were deleted, another rule's write has replaced them, or the rules have changed. By hash, so that another key
// may stay with them.
// Pure. Invariants: bounded; a key of which something was heard after it was handed out is recalled.

const MOST = 4096;

export class Recalled {
  /** Counts what was heard. Keys that are handed out now remember it. */
  stamp = 0;
  private readonly heard = new Map<number, number>();
  /** Everything that was handed out before is recalled. */
  private floor = 0;
  private anyOut = false;

  /** Keys are about to be handed out. */
  handOut(): void {
    this.anyOut = true;
  }

  /** Something was heard of this key. */
  one(hash: number): void {
    if (!this.anyOut) return;
    if (this.heard.size >= MOST) this.all();
    else this.heard.set(hash | 0, ++this.stamp);
  }

  /** All that are out must stay. */
  all(): void {
    this.floor = ++this.stamp;
    this.heard.clear();
    this.anyOut = false;
  }

  /** `stamp`: when the key was handed out. */
  has(hash: number, stamp: number): boolean {
    return stamp < this.floor || (this.heard.get(hash | 0) ?? 0) > stamp;
  }
}
