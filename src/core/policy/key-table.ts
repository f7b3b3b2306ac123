// A table of a bounded number of keys with their names. Each key has a number, by which its owner keeps what it knows about the
// key. Keys are found by hash and length, so two keys with the same hash and length count as one.
// Invariant: a key in the table is in the chain of its bucket; a free number is in `free`.

/** No key's number. */
export const FREE = -1;

export class KeyTable {
  /** By number; undefined: free. */
  readonly keys: (Uint8Array | undefined)[];
  readonly hashes: Int32Array;
  private readonly lengths: Uint32Array;
  private readonly mask: number;
  /** The first key of each bucket, and after each key the next one. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly free: number[] = [];

  constructor(readonly most: number) {
    let buckets = 16;
    while (buckets < most) buckets *= 2;
    this.mask = buckets - 1;
    this.heads = new Int32Array(buckets).fill(FREE);
    this.next = new Int32Array(most);
    this.hashes = new Int32Array(most);
    this.lengths = new Uint32Array(most);
    this.keys = new Array<Uint8Array | undefined>(most).fill(undefined);
    for (let at = most - 1; at >= 0; at--) this.free.push(at);
  }

  get size(): number {
    return this.most - this.free.length;
  }

  get isFull(): boolean {
    return this.free.length === 0;
  }

  /** The number of a key; FREE: not in the table. */
  find(hash: number, length: number): number {
    let at = this.heads[hash & this.mask];
    while (at !== FREE && (this.hashes[at] !== hash || this.lengths[at] !== length)) at = this.next[at];
    return at;
  }

  /** Adds a key that is not in the table; FREE: the table is full. */
  insert(key: Uint8Array, start: number, end: number, hash: number): number {
    const at = this.free.pop();
    if (at === undefined) return FREE;
    this.hashes[at] = hash;
    this.lengths[at] = end - start;
    this.keys[at] = Uint8Array.prototype.slice.call(key, start, end);
    const bucket = hash & this.mask;
    this.next[at] = this.heads[bucket];
    this.heads[bucket] = at;
    return at;
  }

  remove(at: number): void {
    this.keys[at] = undefined;
    this.free.push(at);
    const bucket = this.hashes[at] & this.mask;
    if (this.heads[bucket] === at) this.heads[bucket] = this.next[at];
    else {
      let before = this.heads[bucket];
      while (this.next[before] !== at) before = this.next[before];
      this.next[before] = this.next[at];
    }
  }
}
