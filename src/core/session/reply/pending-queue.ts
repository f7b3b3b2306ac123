// The queue of pending replies, in order: one ring of numbers, two indices.
//
//      head ▼                          ▼ tail (a run that may still grow)
//   … │ PASS×3 │ SWALLOW slot 2 ×1 │ LOCAL_OOM×1 │ PASS×40 │ …
//
// Runs of the same kind share an entry, so a pipeline that Spillway does not change takes one entry, whatever its length.
// Invariants: every entry's count is at least 1; `pushed - popped` is the sum of all counts; only what is there is popped;
// `growing` is the last entry's word if runs of its kind merge, else NOTHING.
import { broken, checks, invariant } from '../../resp/invariant.js';
import { isLocal, Lost, merges, type Pending, rowOf } from './pending-kind.js';

const KIND_BITS = 5;
const KIND_MASK = (1 << KIND_BITS) - 1;
/** `detail` wraps at this many values. */
export const DETAIL_LIMIT = 2 ** 26;
/** Two numbers an entry: kind with detail, and count. */
const WIDTH = 2;
/** Differs from every entry's word. */
const NOTHING = -1;
export class PendingQueue {
  /**
   * Replies ever queued and ever settled. A reply's number is `pushed` right after it was queued. The reply has come when
   * `popped` >= its number.
   */
  pushed = 0;
  popped = 0;
  private ring = new Int32Array(16);
  /** Entries, not offsets; both only grow, modulo the ring's size. */
  private first = 0;
  private size = 0;
  /** Offset of the last entry, and its word if it can still grow. */
  private last = 0;
  private growing = NOTHING;

  /** Entries in the ring; its memory depends on them. */
  get runs(): number {
    return this.size;
  }

  get empty(): boolean {
    return this.size === 0;
  }

  /** Kind of the next reply; the queue must not be empty. */
  get kind(): Pending {
    return (this.ring[this.first * WIDTH] & KIND_MASK) as Pending;
  }

  /** Whether the next reply is a local one. */
  get headIsLocal(): boolean {
    return this.size > 0 && isLocal(this.kind);
  }

  /** `detail` of the next reply. */
  get detail(): number {
    return this.ring[this.first * WIDTH] >>> KIND_BITS;
  }

  /** How many replies the first entry stands for; the queue must not be empty. */
  get count(): number {
    return this.ring[this.first * WIDTH + 1];
  }

  push(kind: Pending, detail = 0, count = 1): void {
    if (count <= 0) broken('at least one reply is queued');
    this.pushed += count;
    const word = kind | (detail << KIND_BITS);
    if (word === this.growing) this.ring[this.last + 1] += count;
    else this.append(word, count);
  }

  private append(word: number, count: number): void {
    if (this.size === this.ring.length / WIDTH) this.grow();
    this.last = ((this.first + this.size) & (this.ring.length / WIDTH - 1)) * WIDTH;
    this.ring[this.last] = word;
    this.ring[this.last + 1] = count;
    this.size++;
    this.growing = merges(word & KIND_MASK) ? word : NOTHING;
  }

  /** Settles `count` replies of the first entry. */
  pop(count = 1): void {
    if (checks.thorough) this.check();
    const at = this.first * WIDTH + 1;
    const left = this.ring[at] - count;
    if (this.size === 0 || left < 0) broken('only a pending reply is settled');
    this.popped += count;
    if (left > 0) this.ring[at] = left;
    else this.shift();
  }

  /** Settles the whole first entry with one error. */
  popRun(): void {
    this.pop(this.count);
  }

  private shift(): void {
    this.first = (this.first + 1) & (this.ring.length / WIDTH - 1);
    if (--this.size === 0) this.growing = NOTHING;
  }

  /** The first entry turns out to stand for `count` replies of another kind. */
  replaceHead(kind: Pending, count: number): void {
    invariant(this.size > 0 && count > 0, 'only a pending reply stands for others');
    const at = this.first * WIDTH;
    this.ring[at] = kind | (this.detail << KIND_BITS);
    this.pushed += count - this.ring[at + 1];
    this.ring[at + 1] = count;
    if (this.size === 1) this.growing = NOTHING;
  }

  /** Kind of the last reply; the queue must not be empty. */
  get lastKind(): Pending {
    return (this.ring[this.last] & KIND_MASK) as Pending;
  }

  /** Whether all replies are hidden ones, except for the last entry's if that is of this kind. */
  isHiddenBut(kind: Pending): boolean {
    for (let i = 0; i < this.size; i++) {
      const each = (this.ring[((this.first + i) & (this.ring.length / WIDTH - 1)) * WIDTH] &
        KIND_MASK) as Pending;
      if (rowOf(each).lost === Lost.TOLD && (i < this.size - 1 || each !== kind)) return false;
    }
    return true;
  }

  /** The last entry turns out to be of another kind, without detail. */
  replaceLast(kind: Pending): void {
    invariant(this.size > 0, 'only a pending reply becomes another');
    this.ring[this.last] = kind;
    this.growing = merges(kind) ? kind : NOTHING;
  }

  private check(): void {
    let sum = 0;
    for (let i = 0; i < this.size; i++) {
      const count = this.ring[((this.first + i) & (this.ring.length / WIDTH - 1)) * WIDTH + 1];
      invariant(count > 0, 'each entry stands for at least one reply');
      sum += count;
    }
    invariant(sum === this.pushed - this.popped, 'the entries stand for all pending replies');
    if (this.size === 0) return;
    const last = ((this.first + this.size - 1) & (this.ring.length / WIDTH - 1)) * WIDTH;
    invariant(this.last === last, 'the next reply is queued behind the last entry');
    invariant(
      this.growing === (merges(this.ring[last] & KIND_MASK) ? this.ring[last] : NOTHING),
      'only the last entry grows',
    );
  }

  private grow(): void {
    const old = this.ring;
    const capacity = old.length / WIDTH;
    const ring = new Int32Array(old.length * 2);
    for (let i = 0; i < this.size; i++) {
      const from = ((this.first + i) & (capacity - 1)) * WIDTH;
      ring[i * WIDTH] = old[from];
      ring[i * WIDTH + 1] = old[from + 1];
    }
    this.ring = ring;
    this.first = 0;
  }
}
