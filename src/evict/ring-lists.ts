// The keys of each rule in the order in which they were written, as lists through the ring's blocks; and their counts.
// Keys whose TTL is over stay in their list, since the server may still hold them, but no longer count as memory.
// Invariants: each key of the blocks is in the list of its slot; keys, sized, unsized and lives are the sums of the list.
import { NONE, type RingBlocks } from './ring-blocks.js';
import { RingLives } from './ring-lives.js';

/** An entry in each of two tables, one of them for the TTL. */
const ENTRIES_BYTES = 80;
const KEY_HEADER_BYTES = 2;
/** The assumed size of a rule's keys whose size no write shows, until it is measured: a small hash. */
const UNSIZED_BYTES = 256;
const MEAN_WEIGHT = 1 / 64;
const FINE_CLASSES = 8;
const FINE_BYTES = 16;
const CLASSES = 128;

/** What the server allocates for a string of each size class; 0: the class does not show it. */
const CLASS_BYTES = Float64Array.from({ length: CLASSES }, (_, size) => classBytes(size));

function classBytes(size: number): number {
  if (size === 0 || size >= CLASSES - 2) return 0;
  if (size <= FINE_CLASSES) return size * FINE_BYTES;
  const step = size - FINE_CLASSES - 1;
  return ((step % 4) + 5) * 2 ** (Math.floor(step / 4) + 5);
}

/** The estimated memory of a key with its value; 0: unknown. */
export function memoryOfKey(length: number, size: number): number {
  const value = CLASS_BYTES[size];
  return value === 0 ? 0 : ENTRIES_BYTES + ((length + KEY_HEADER_BYTES + 15) & ~15) + value;
}

export class RingLists {
  private admitted = new Uint8Array(0);
  private oldest = new Int32Array(0);
  private youngest = new Int32Array(0);
  private keys = new Float64Array(0);
  private sized = new Float64Array(0);
  private unsized = new Float64Array(0);
  private means = new Float64Array(0);
  private readonly lives = new RingLives();

  constructor(private readonly blocks: RingBlocks) {}

  /** From now on only keys of these slots are added; those of others stay until they are unlinked. */
  admit(slots: readonly number[]): void {
    const most = slots.reduce((max, slot) => Math.max(max, slot + 1), this.admitted.length);
    this.admitted = new Uint8Array(most);
    for (const slot of slots) this.admitted[slot] = 1;
    if (most === this.oldest.length) return;
    this.oldest = grown(this.oldest, new Int32Array(most));
    this.youngest = grown(this.youngest, new Int32Array(most));
    this.keys = grown(this.keys, new Float64Array(most));
    this.sized = grown(this.sized, new Float64Array(most));
    this.unsized = grown(this.unsized, new Float64Array(most));
    this.means = grown(this.means, new Float64Array(most).fill(UNSIZED_BYTES));
  }

  admits(slot: number): boolean {
    return this.admitted[slot] === 1;
  }

  head(slot: number): number {
    return this.oldest[slot];
  }

  count(slot: number): number {
    return this.keys[slot];
  }

  /** The rule's keys whose TTL is not over, and their estimated memory. `now`: the present tick. */
  alive(slot: number, now: number): { readonly keys: number; readonly bytes: number } {
    const over = this.lives.expired(slot, now);
    const unsized = this.unsized[slot] - over.unsized;
    return {
      keys: this.keys[slot] - over.keys,
      bytes: this.sized[slot] - over.sized + unsized * this.means[slot],
    };
  }

  /** A key whose size no write shows was measured. */
  learn(slot: number, bytes: number): void {
    if (slot < this.means.length) this.means[slot] += (bytes - this.means[slot]) * MEAN_WEIGHT;
  }

  /** As the youngest of its slot. */
  append(at: number, now: number): void {
    const { blocks, youngest } = this;
    const slot = blocks.slot(at);
    const last = youngest[slot];
    blocks.setOlder(at, last);
    blocks.setYounger(at, NONE);
    if (last === NONE) this.oldest[slot] = at;
    else blocks.setYounger(last, at);
    youngest[slot] = at;
    this.add(at, slot, 1, now);
  }

  unlink(at: number, now: number): void {
    const { blocks } = this;
    const slot = blocks.slot(at);
    const older = blocks.older(at);
    const younger = blocks.younger(at);
    if (older === NONE) this.oldest[slot] = younger;
    else blocks.setYounger(older, younger);
    if (younger === NONE) this.youngest[slot] = older;
    else blocks.setOlder(younger, older);
    this.add(at, slot, -1, now);
  }

  clear(): void {
    for (const each of [this.oldest, this.youngest, this.keys, this.sized, this.unsized]) each.fill(0);
    this.lives.clear();
  }

  /** The TTL of a key has changed. */
  setLife(at: number, life: number, now: number): void {
    const slot = this.blocks.slot(at);
    this.add(at, slot, -1, now);
    this.blocks.setLife(at, life);
    this.add(at, slot, 1, now);
  }

  private add(at: number, slot: number, sign: 1 | -1, now: number): void {
    const { blocks } = this;
    const bytes = memoryOfKey(blocks.length(at), blocks.size(at));
    this.lives.change(slot, blocks.tick(at), blocks.life(at), sign, bytes, now);
    this.keys[slot] += sign;
    if (bytes === 0) this.unsized[slot] += sign;
    else this.sized[slot] += sign * bytes;
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
