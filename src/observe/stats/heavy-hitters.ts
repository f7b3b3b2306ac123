// Finds the most written of any number of patterns in fixed memory (Space-Saving by Metwally, Agrawal and El Abbadi, 2005).
// Owns the entries and their lookup. It sees only patterns, no keys, and never allocates after construction.
//
//   table (hash → entry)  ──▶  entry: pattern cell, hash, counters  ◀──  heap (entry with the smallest count on top)
//
// A new pattern, when all entries are taken, evicts the one with the smallest count and inherits that count as its
// `error`. Invariants: an entry's true number of writes is within [count - error, count]; a pattern without an entry was
// written no more often than the smallest count, which is total / capacity at most, or twice that where sketches were
// merged; heap[place[e]] === e; a heap parent's count is never above its child's.
import { TtlOutcome } from '../../core/policy/observer.js';
import { MAX_PATTERN } from './prefix.js';

export const HITTERS = 256;
/** Four table slots an entry: probes stay short. A power of two. */
const TABLE = 4 * HITTERS;
const MASK = TABLE - 1;
/** In place of the number of a database: no write told, and several did. */
const [UNKNOWN, SEVERAL] = [-1, -2];

export interface HeavyHitter {
  pattern: string;
  /** The database of its keys; negative: several, or not known. */
  db: number;
  /** Writes counted since the pattern was last taken in; the true number is at most `error` higher. */
  writes: number;
  error: number;
  /** Payload bytes of those writes, and how many of them carried a TTL, or left the key without one. */
  bytes: number;
  hadTtl: number;
  withoutTtl: number;
  /** How many of them were a part of a transaction. */
  inMulti: number;
}

/** The counts of one process as plain data, to be added to those of others. */
export interface HittersPart {
  readonly hitters: readonly HeavyHitter[];
  /** The most often that a pattern without an entry can have been written; 0 until entries were evicted. */
  readonly floor: number;
}

export class HeavyHitters {
  private used = 0;
  private readonly table = new Uint16Array(TABLE); // entry + 1; 0: free
  private readonly heap = new Uint16Array(HITTERS);
  private readonly place = new Uint16Array(HITTERS);
  private readonly hashes = new Int32Array(HITTERS);
  private readonly lengths = new Uint8Array(HITTERS);
  private readonly cells = new Uint8Array(HITTERS * MAX_PATTERN);
  private readonly counts = new Float64Array(HITTERS);
  private readonly errors = new Float64Array(HITTERS);
  private readonly bytes = new Float64Array(HITTERS);
  private readonly hadTtl = new Float64Array(HITTERS);
  private readonly withoutTtl = new Float64Array(HITTERS);
  private readonly inMulti = new Float64Array(HITTERS);
  private readonly dbs = new Int32Array(HITTERS);

  /**
   * Counts one write of `bytes` payload bytes to a key of the pattern in pattern[0, length), which is copied. `db`: the
   * database; -1: not known.
   */
  add(
    pattern: Uint8Array,
    length: number,
    bytes: number,
    outcome: TtlOutcome,
    db: number,
    inMulti: boolean,
  ): void {
    const hash = hashPattern(pattern, length);
    const table = this.table;
    let slot = hash & MASK;
    let entry = -1;
    while (table[slot] !== 0) {
      const candidate = table[slot] - 1;
      if (this.hashes[candidate] === hash && this.holds(candidate, pattern, length)) {
        entry = candidate;
        break;
      }
      slot = (slot + 1) & MASK;
    }
    if (entry < 0) entry = this.enter(pattern, length, hash, db);
    if (this.dbs[entry] !== db) this.dbs[entry] = joined(this.dbs[entry], db);
    this.counts[entry]++;
    this.bytes[entry] += bytes;
    if (outcome === TtlOutcome.HAD_TTL) this.hadTtl[entry]++;
    else if (outcome === TtlOutcome.WITHOUT_TTL) this.withoutTtl[entry]++;
    if (inMulti) this.inMulti[entry]++;
    this.sink(entry);
  }

  /** The `n` patterns with the most certain writes, the most first. */
  top(n: number): HeavyHitter[] {
    const all: HeavyHitter[] = [];
    for (let entry = 0; entry < this.used; entry++) {
      const from = entry * MAX_PATTERN;
      all.push({
        pattern: Buffer.from(this.cells.subarray(from, from + this.lengths[entry])).toString('latin1'),
        db: this.dbs[entry],
        writes: this.counts[entry] - this.errors[entry],
        error: this.errors[entry],
        bytes: this.bytes[entry],
        hadTtl: this.hadTtl[entry],
        withoutTtl: this.withoutTtl[entry],
        inMulti: this.inMulti[entry],
      });
    }
    return all.sort((a, b) => b.writes - a.writes || b.bytes - a.bytes).slice(0, n);
  }

  /** Returns the counts since the last call (or the start) and resets them. */
  take(): HittersPart {
    const part = { hitters: this.top(HITTERS), floor: this.floor };
    this.clear();
    return part;
  }

  /**
   * Adds the counts taken from another instance. The errors of both add up, the entries with the smallest counts are evicted,
   * and both invariants hold for the sum (Agarwal and others, "Mergeable summaries", 2012).
   */
  merge({ hitters, floor }: HittersPart): void {
    const sums = new Map(this.top(HITTERS).map((own) => [own.pattern, { ...own, error: own.error + floor }]));
    for (const other of hitters) {
      const own = sums.get(other.pattern);
      if (own === undefined) {
        sums.set(other.pattern, { ...other, error: other.error + this.floor });
      } else {
        own.db = joined(own.db, other.db);
        own.writes += other.writes;
        own.error += other.error - floor;
        own.bytes += other.bytes;
        own.hadTtl += other.hadTtl;
        own.withoutTtl += other.withoutTtl;
        own.inMulti += other.inMulti;
      }
    }
    const kept = [...sums.values()].sort((a, b) => b.writes + b.error - (a.writes + a.error));
    this.clear();
    for (const hitter of kept.slice(0, HITTERS)) this.put(hitter);
  }

  /** Throws when an invariant of this file does not hold; for tests. */
  check(): void {
    for (let i = 0; i < this.used; i++) {
      if (this.place[this.heap[i]] !== i) throw new Error(`heap place ${i} is wrong`);
      const parent = (i - 1) >> 1;
      if (i > 0 && this.counts[this.heap[parent]] > this.counts[this.heap[i]])
        throw new Error(`heap order at ${i}`);
      if (this.errors[i] >= this.counts[i]) throw new Error(`entry ${i} counts nothing of its own`);
      let slot = this.hashes[i] & MASK;
      while (this.table[slot] !== i + 1) {
        if (this.table[slot] === 0) throw new Error(`entry ${i} cannot be found by its hash`);
        slot = (slot + 1) & MASK;
      }
    }
  }

  /** How often a pattern without an entry can have been written. */
  private get floor(): number {
    return this.used < HITTERS ? 0 : this.counts[this.heap[0]];
  }

  private clear(): void {
    this.used = 0;
    this.table.fill(0);
    this.counts.fill(0);
  }

  /** Adds an entry for a new pattern, with its counts. There must be room. */
  private put({ pattern, db, writes, error, bytes, hadTtl, withoutTtl, inMulti }: HeavyHitter): void {
    const name = Buffer.from(pattern, 'latin1');
    const entry = this.enter(name, name.length, hashPattern(name, name.length), db);
    this.counts[entry] = writes + error;
    this.errors[entry] = error;
    this.bytes[entry] = bytes;
    this.hadTtl[entry] = hadTtl;
    this.withoutTtl[entry] = withoutTtl;
    this.inMulti[entry] = inMulti;
    this.sink(entry);
  }

  private holds(entry: number, pattern: Uint8Array, length: number): boolean {
    if (this.lengths[entry] !== length) return false;
    const cells = this.cells;
    const from = entry * MAX_PATTERN;
    for (let i = 0; i < length; i++) if (cells[from + i] !== pattern[i]) return false;
    return true;
  }

  /** An entry for a new pattern: a free one, or else the one with the smallest count. */
  private enter(pattern: Uint8Array, length: number, hash: number, db: number): number {
    let entry: number;
    if (this.used < HITTERS) {
      entry = this.used++;
      this.heap[entry] = entry;
      this.place[entry] = entry;
      this.rise(entry);
    } else {
      entry = this.heap[0];
      this.unlink(entry);
    }
    this.errors[entry] = this.counts[entry];
    this.bytes[entry] = 0;
    this.hadTtl[entry] = 0;
    this.withoutTtl[entry] = 0;
    this.inMulti[entry] = 0;
    this.hashes[entry] = hash;
    this.dbs[entry] = db;
    this.lengths[entry] = length;
    const from = entry * MAX_PATTERN;
    for (let i = 0; i < length; i++) this.cells[from + i] = pattern[i];
    let slot = hash & MASK;
    while (this.table[slot] !== 0) slot = (slot + 1) & MASK;
    this.table[slot] = entry + 1;
    return entry;
  }

  /** Takes an entry out of the table and closes the gap, so that every probe still ends at a free slot. */
  private unlink(entry: number): void {
    let gap = this.hashes[entry] & MASK;
    while (this.table[gap] !== entry + 1) gap = (gap + 1) & MASK;
    let slot = gap;
    for (;;) {
      slot = (slot + 1) & MASK;
      const other = this.table[slot];
      if (other === 0) break;
      const home = this.hashes[other - 1] & MASK;
      if (((slot - home) & MASK) >= ((slot - gap) & MASK)) {
        this.table[gap] = other;
        gap = slot;
      }
    }
    this.table[gap] = 0;
  }

  /** Moves an entry whose count has grown down to its place in the heap. */
  private sink(entry: number): void {
    const count = this.counts[entry];
    let at = this.place[entry];
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.used) break;
      if (child + 1 < this.used && this.counts[this.heap[child + 1]] < this.counts[this.heap[child]]) child++;
      const below = this.heap[child];
      if (this.counts[below] >= count) break;
      this.heap[at] = below;
      this.place[below] = at;
      at = child;
    }
    this.heap[at] = entry;
    this.place[entry] = at;
  }

  /** Moves a fresh entry, whose count is 0, up to its place in the heap. */
  private rise(entry: number): void {
    let at = this.place[entry];
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.heap[parent];
      if (this.counts[above] <= this.counts[entry]) break;
      this.heap[at] = above;
      this.place[above] = at;
      at = parent;
    }
    this.heap[at] = entry;
    this.place[entry] = at;
  }
}

/** The database of writes to two databases, each perhaps UNKNOWN or SEVERAL. */
function joined(one: number, other: number): number {
  if (one === other || other === UNKNOWN) return one;
  return one === UNKNOWN ? other : SEVERAL;
}

/** FNV-1a over the pattern with a final mix, since the table reads only the low bits. */
function hashPattern(pattern: Uint8Array, length: number): number {
  let hash = 0x811c9dc5 ^ length;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ pattern[i], 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 12);
}
