// Keeps the writes of one read for the ring until the read's end. The ring is larger than a CPU's cache, and a key that is
// written again is four places in it, one after the other; fetch() waits for those of all keys at once.
// Reads the key's bytes only in settle(), so the owner of the bytes calls that before they change. Never reorders: whatever else
// the ring hears comes after the writes before it.
// Invariants: bounded; all kept writes are of one buffer; nothing is kept, nor that buffer, after settle().
import type { EvictableKeys } from '../core/policy/evictable-keys.js';
import { ANY_DATABASE } from '../core/policy/key-memory.js';
import type { Size } from '../core/policy/size-class.js';
import { NOTHING } from '../core/resp/bytes.js';
import type { Ring } from './ring.js';

const MOST = 64;

export class LateWrites implements EvictableKeys {
  private count = 0;
  private buf: Uint8Array = NOTHING;
  private readonly hashes = new Int32Array(MOST);
  private readonly starts = new Int32Array(MOST);
  private readonly ends = new Int32Array(MOST);
  private readonly slots = new Int32Array(MOST);
  private readonly dbs = new Int32Array(MOST);
  private readonly sizes = new Int32Array(MOST);
  private readonly lifetimes = new Float64Array(MOST);

  constructor(private readonly ring: Ring) {}

  written(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
    size: Size,
    lifetimeMs: number,
  ): void {
    if (db === ANY_DATABASE) return;
    if (key !== this.buf || this.count === MOST) this.settle();
    this.buf = key;
    const i = this.count++;
    this.hashes[i] = hash;
    this.starts[i] = start;
    this.ends[i] = end;
    this.slots[i] = slot;
    this.dbs[i] = db;
    this.sizes[i] = size;
    this.lifetimes[i] = lifetimeMs;
  }

  ended(key: Uint8Array, start: number, end: number, hash: number, db: number): void {
    this.settle();
    this.ring.ended(key, start, end, hash, db);
  }

  lives(key: Uint8Array, start: number, end: number, hash: number, db: number, lifetimeMs: number): void {
    this.settle();
    this.ring.lives(key, start, end, hash, db, lifetimeMs);
  }

  clear(): void {
    this.settle();
    this.ring.clear();
  }

  settle(): void {
    const { count, ring, buf, hashes, starts, ends, slots, dbs, sizes, lifetimes } = this;
    if (count === 0) return;
    this.count = 0;
    this.buf = NOTHING;
    if (count > 1) ring.fetch(hashes, count);
    for (let i = 0; i < count; i++)
      ring.written(slots[i], buf, starts[i], ends[i], hashes[i], dbs[i], sizes[i], lifetimes[i]);
  }
}
