// The ring's memory: one buffer of blocks of 64 bytes, of which a key takes one, or more if it is long, and an index that finds
// a key's first block by its hash. Nothing is allocated after the start, and no block moves.
//
//   first block:  hash · next of the hash's chain · older · younger │ tick · length, size, life · slot, database · more │ 32 bytes
//   further ones: more · 60 bytes
//
// For each chain the index has the first block, whether there are more, and some bits of its hash. So a new key is mostly
// recognized without reading a block: blocks are far apart, and reading one that was not used lately takes long.
//
// Keys are distinguished by hash, length and database. If two keys agree in these (some of a million keys), one of them is
// unknown. A key never counts as one of another rule, since the bytes are those of a key that was written.
// It is long because only this file knows the layout.
// Invariants: block 0 means none; a block is in the index, or a further block of one in the index, or free.
import type { Size } from '../core/policy/size-class.js';
import { KEPT } from './ring-lives.js';

export const NONE = 0;
const BLOCK_BYTES = 64;
const WORDS = BLOCK_BYTES / 4;
const HASH = 0;
const CHAIN = 1;
const OLDER = 2;
const YOUNGER = 3;
const TICK = 4;
const SHAPE = 5;
const PLACE = 6;
const MORE = 7;
const KEY_BYTE = 32;
const FIRST_BYTES = BLOCK_BYTES - KEY_BYTE;
/** In a further block, the first word names the next one. */
const FURTHER_BYTE = 4;
const FURTHER_BYTES = BLOCK_BYTES - FURTHER_BYTE;
const LENGTH_BITS = 16;
const LENGTH_MASK = 2 ** LENGTH_BITS - 1;
const SIZE_SHIFT = LENGTH_BITS;
const SIZE_MASK = 0x7f;
const LIFE_SHIFT = LENGTH_BITS + 7;
const SHAPE_BUT_LIFE = 2 ** LIFE_SHIFT - 1;
const DB_BITS = 16;
/** Longer keys, and later databases and rules, are not kept. */
const MOST_KEY_BYTES = 4096;
const MOST_DATABASES = 2 ** DB_BITS;
const MOST_SLOTS = 2 ** 15;
const INDEX_ENTRY_BYTES = 4;
/** An entry of the index: the chain's first block, its first bits of the hash, and whether it is not the only one. */
const BLOCK_BITS = 24;
const BLOCK_MASK = 2 ** BLOCK_BITS - 1;
const MORE_BIT = 1 << BLOCK_BITS;
const TAG_MASK = ~(BLOCK_MASK | MORE_BIT);

export class RingBlocks {
  readonly capacity: number;
  /** Blocks in use. */
  used = 0;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly heads: Int32Array;
  private readonly mask: number;
  /** Freed blocks, by MORE; and the first that was never used. */
  private free = NONE;
  private fresh = 1;
  /** Nobody reads it. It keeps the compiler from leaving out the reads of warm(). */
  protected warmed = 0;

  /** `bytes`: for blocks and index. */
  constructor(readonly capacityBytes: number) {
    // One to two for each block: with fewer, an unknown key would cost a look at others, which are far apart.
    let heads = 16;
    while (heads * BLOCK_BYTES <= capacityBytes) heads *= 2;
    this.heads = new Int32Array(heads);
    this.mask = heads - 1;
    const blocks = Math.floor((capacityBytes - heads * INDEX_ENTRY_BYTES) / BLOCK_BYTES) - 1;
    this.capacity = Math.min(BLOCK_MASK, Math.max(1, blocks));
    const buffer = new ArrayBuffer((this.capacity + 1) * BLOCK_BYTES);
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  get usedBytes(): number {
    return this.used * BLOCK_BYTES + this.heads.length * INDEX_ENTRY_BYTES;
  }

  /**
   * Whether the key is certainly known as written in this tick. One look: another key of its bucket may hide it. `life`: as in
   * ring-lives; KEPT: any.
   */
  isFresh(
    length: number,
    hash: number,
    slot: number,
    db: number,
    tick: number,
    size: Size,
    life: number,
  ): boolean {
    const { words } = this;
    const head = this.heads[hash & this.mask];
    if (((head ^ hash) & TAG_MASK) !== 0) return false;
    const base = (head & BLOCK_MASK) * WORDS;
    return (
      words[base + HASH] === (hash | 0) &&
      words[base + TICK] === tick &&
      ((words[base + SHAPE] ^ shapeOf(length, size, life)) & (life === KEPT ? SHAPE_BUT_LIFE : -1)) === 0 &&
      words[base + PLACE] === ((slot << DB_BITS) | db) &&
      base !== 0
    );
  }

  /** The block of the key, or NONE. */
  find(length: number, hash: number, db: number): number {
    const { words } = this;
    const wanted = hash | 0;
    const head = this.heads[hash & this.mask];
    if ((head & MORE_BIT) === 0 && ((head ^ hash) & TAG_MASK) !== 0) return NONE;
    let at = head & BLOCK_MASK;
    while (at !== NONE) {
      const base = at * WORDS;
      if (
        words[base + HASH] === wanted &&
        (words[base + SHAPE] & LENGTH_MASK) === length &&
        (words[base + PLACE] & (MOST_DATABASES - 1)) === db
      ) {
        return at;
      }
      at = words[base + CHAIN];
    }
    return NONE;
  }

  /** Whether such a key can be kept at all. */
  canKeep(length: number, slot: number, db: number): boolean {
    return (
      length <= MOST_KEY_BYTES &&
      db >= 0 &&
      db < MOST_DATABASES &&
      slot < MOST_SLOTS &&
      blocksFor(length) <= this.capacity
    );
  }

  hasRoomFor(length: number): boolean {
    return this.used + blocksFor(length) <= this.capacity;
  }

  /** Keeps a key that is not known yet, if there is room; it is in no list yet. */
  add(
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    slot: number,
    db: number,
    tick: number,
    size: Size,
    life: number,
  ): number {
    const { words, bytes, heads } = this;
    const at = this.allocate();
    const base = at * WORDS;
    const bucket = hash & this.mask;
    words[base + HASH] = hash | 0;
    const next = heads[bucket] & BLOCK_MASK;
    words[base + CHAIN] = next;
    heads[bucket] = (hash & TAG_MASK) | (next === NONE ? 0 : MORE_BIT) | at;
    words[base + TICK] = tick;
    words[base + SHAPE] = shapeOf(end - start, size, life);
    words[base + PLACE] = (slot << DB_BITS) | db;
    words[base + MORE] = NONE;
    const until = Math.min(end, start + FIRST_BYTES);
    let to = at * BLOCK_BYTES + KEY_BYTE;
    for (let i = start; i < until; i++) bytes[to++] = key[i];
    if (until < end) this.addMore(base + MORE, key, until, end);
    return at;
  }

  /** Forgets a key that is in no list. */
  remove(at: number): void {
    const { words, heads } = this;
    const base = at * WORDS;
    const bucket = words[base + HASH] & this.mask;
    const head = heads[bucket];
    let link = head & BLOCK_MASK;
    if (link === at) heads[bucket] = this.headOf(words[base + CHAIN]);
    else {
      while (words[link * WORDS + CHAIN] !== at) link = words[link * WORDS + CHAIN];
      words[link * WORDS + CHAIN] = words[base + CHAIN];
      if (link === (head & BLOCK_MASK) && words[base + CHAIN] === NONE) heads[bucket] = head & ~MORE_BIT;
    }
    let more = words[base + MORE];
    this.release(at);
    while (more !== NONE) {
      const next = words[more * WORDS];
      this.release(more);
      more = next;
    }
  }

  /**
   * Reads what remove() will read for this block, so that the CPU has it in its cache by then. No instruction waits for the
   * value that is read here, so this costs little; remove() would wait.
   */
  warm(at: number): void {
    const head = this.heads[this.words[at * WORDS + HASH] & this.mask] & BLOCK_MASK;
    this.warmed = this.words[head * WORDS + CHAIN];
  }

  /**
   * The same for keys that will be written: their chains, then the first block of each, then the blocks beside it in the list.
   * Each step is for all keys, so that one wait serves them all.
   */
  fetch(hashes: Int32Array, count: number): void {
    const { heads, words, mask } = this;
    let read = 0;
    for (let i = 0; i < count; i++) read ^= heads[hashes[i] & mask];
    for (let i = 0; i < count; i++) read ^= words[(heads[hashes[i] & mask] & BLOCK_MASK) * WORDS];
    for (let i = 0; i < count; i++) {
      const base = (heads[hashes[i] & mask] & BLOCK_MASK) * WORDS;
      read ^= words[words[base + OLDER] * WORDS] ^ words[words[base + YOUNGER] * WORDS];
    }
    this.warmed = read;
  }

  clear(): void {
    this.heads.fill(NONE);
    this.used = 0;
    this.free = NONE;
    this.fresh = 1;
  }

  copyKey(at: number): Buffer {
    const { words, bytes } = this;
    const key = Buffer.allocUnsafe(this.length(at));
    const from = at * BLOCK_BYTES + KEY_BYTE;
    let done = Math.min(key.length, FIRST_BYTES);
    for (let i = 0; i < done; i++) key[i] = bytes[from + i];
    for (let more = words[at * WORDS + MORE]; more !== NONE; more = words[more * WORDS]) {
      const part = Math.min(key.length - done, FURTHER_BYTES);
      for (let i = 0; i < part; i++) key[done + i] = bytes[more * BLOCK_BYTES + FURTHER_BYTE + i];
      done += part;
    }
    return key;
  }

  hash(at: number): number {
    return this.words[at * WORDS + HASH];
  }

  length(at: number): number {
    return this.words[at * WORDS + SHAPE] & LENGTH_MASK;
  }

  size(at: number): Size {
    return (this.words[at * WORDS + SHAPE] >>> SIZE_SHIFT) & SIZE_MASK;
  }

  /** How long it lives from its tick on, as in ring-lives. */
  life(at: number): number {
    return this.words[at * WORDS + SHAPE] >>> LIFE_SHIFT;
  }

  setLife(at: number, life: number): void {
    const { words } = this;
    const base = at * WORDS;
    words[base + SHAPE] = (words[base + SHAPE] & SHAPE_BUT_LIFE) | (life << LIFE_SHIFT);
  }

  slot(at: number): number {
    return this.words[at * WORDS + PLACE] >>> DB_BITS;
  }

  db(at: number): number {
    return this.words[at * WORDS + PLACE] & (MOST_DATABASES - 1);
  }

  tick(at: number): number {
    return this.words[at * WORDS + TICK];
  }

  older(at: number): number {
    return this.words[at * WORDS + OLDER];
  }

  younger(at: number): number {
    return this.words[at * WORDS + YOUNGER];
  }

  setOlder(at: number, other: number): void {
    this.words[at * WORDS + OLDER] = other;
  }

  setYounger(at: number, other: number): void {
    this.words[at * WORDS + YOUNGER] = other;
  }

  /** The key was written again: another size, rule and life, perhaps. */
  rewrite(at: number, slot: number, tick: number, size: Size, life: number): void {
    const { words } = this;
    const base = at * WORDS;
    words[base + TICK] = tick;
    words[base + SHAPE] = shapeOf(words[base + SHAPE] & LENGTH_MASK, size, life);
    words[base + PLACE] = (slot << DB_BITS) | (words[base + PLACE] & (MOST_DATABASES - 1));
  }

  /** The index's entry of a chain that begins with this block. */
  private headOf(at: number): number {
    if (at === NONE) return NONE;
    const { words } = this;
    const base = at * WORDS;
    return (words[base + HASH] & TAG_MASK) | (words[base + CHAIN] === NONE ? 0 : MORE_BIT) | at;
  }

  private addMore(word: number, key: Uint8Array, start: number, end: number): void {
    const { words, bytes } = this;
    let link = word;
    for (let from = start; from < end; from += FURTHER_BYTES) {
      const at = this.allocate();
      words[link] = at;
      link = at * WORDS;
      words[link] = NONE;
      const until = Math.min(end, from + FURTHER_BYTES);
      let to = at * BLOCK_BYTES + FURTHER_BYTE;
      for (let i = from; i < until; i++) bytes[to++] = key[i];
    }
  }

  private allocate(): number {
    this.used++;
    const at = this.free;
    if (at === NONE) return this.fresh++;
    this.free = this.words[at * WORDS + MORE];
    return at;
  }

  private release(at: number): void {
    this.used--;
    this.words[at * WORDS + MORE] = this.free;
    this.free = at;
  }
}

function shapeOf(length: number, size: Size, life: number): number {
  return length | (size << SIZE_SHIFT) | (life << LIFE_SHIFT);
}

function blocksFor(length: number): number {
  return length <= FIRST_BYTES ? 1 : 1 + Math.ceil((length - FIRST_BYTES) / FURTHER_BYTES);
}
