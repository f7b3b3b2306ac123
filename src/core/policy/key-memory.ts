// Remembers the keys that were written lately, judged by the writes that passed: that a key lives, about how large its
// string is, when its TTL ends, and whether a rule gave that TTL. So Spillway recognizes a write that loses a TTL, a
// value that only replaces one of its size, and its own TTLs without asking the server. One table of 4 MB, 524,288 keys;
// no allocation per command; no key is stored. It does not see the writes of other workers, of scripts, or of clients
// that bypass Spillway. So each entry is a hint: code that uses a wrong one must do no harm.
//
//   bucket: lower 16 bits of the key's hash ─▶ 8 entries of two words, 64 bytes
//   word 0: 16 bits of the hash · 8 bits of a second hash over length, last bytes and database │ 7 bits of size │ own TTL
//   word 1: 30 bits of the TTL's end │ hot │ hand
//
// A new key takes an entry that is void, else the first from the bucket's hand on that is not hot (a clock with a second
// chance). A key that is written again is hot: it outlives any number of keys that are written once.
//
// The table is larger than a CPU's cache, and waiting for it was a fifth of a SET. So note() keeps writes until settle(), which
// fetches the buckets of all of them together; every other method settles first.
//
// It is long because every method knows the layout of the two words. The notes are its own, not those of evict/late-writes: they
// hold two words made from the key, so they cost half as much and the key's bytes may change; the ring needs the bytes.
// Invariants: size 0 is a void entry; an end is in ticks since the start, 0 is no known TTL; own only with an end.
import { type Size, SizeClass } from './size-class.js';

const BUCKETS = 1 << 16;
const WAYS = 8;
const ENTRY = 2;
const BUCKET = WAYS * ENTRY;
const BUCKET_MASK = BUCKETS - 1;
/** Word 0. */
const MARK_MASK = ~0xff;
const SIZE_SHIFT = 1;
const SIZE_MASK = 0x7f << SIZE_SHIFT;
const OWN = 1;
const STATE_MASK = SIZE_MASK | OWN;
/** Word 1. */
const END_SHIFT = 2;
const HOT = 2;
const HAND = 1;
/** Ends are rounded down: it is better to miss a lost TTL than to report one that was not lost. */
const TICK_MS = 100;
const LAST_TICK = 2 ** 30 - 1;
/** Most writes that are kept until settle(), and the words of one. */
const MOST_NOTED = 64;
const NOTE = 4;
const NOTE_EFFECT_MASK = 7;
const NOTE_IF_MISSING = 8;
const NOTE_SLOT_SHIFT = 4;
/** How many of the key's last bytes the second hash covers. */
const TAIL_BYTES = 8;
/** Of a state as find() returns it: one number for size, own, and end. */
const STATE_BITS = 256;

/** What a write does to the TTL of its key. */
export const TtlEffect = {
  /** Afterwards the key has no TTL. */
  NONE: 0,
  /** The key keeps the TTL that it has. */
  KEPT: 1,
  /** A rule sets one. */
  OWN: 2,
  /** A rule sets one if the key has none. */
  OWN_IF_NONE: 3,
  /** The application sets one. */
  GIVEN: 4,
} as const;
export type TtlEffect = (typeof TtlEffect)[keyof typeof TtlEffect];

/** The database is unknown: the key is not looked up, and nothing is kept. */
export const ANY_DATABASE = -1;

export class KeyMemory {
  private readonly table = new Int32Array(BUCKETS * BUCKET);
  private readonly startedAt: number;
  private used = false;
  /** Writes that note() keeps: mark and size · bucket · the TTL's end · what else is known. */
  private readonly notes = new Int32Array(MOST_NOTED * NOTE);
  private noted = 0;
  /** Nobody reads it. It keeps the compiler from leaving out the reads of settle(). */
  protected warmed = 0;
  /** Set by the owner: a write by the rule in `slot` that note() kept has removed a TTL. */
  onLost: (slot: number) => void = () => {};
  /** The clock when it was last read; since the start in ticks, and the remaining milliseconds. */
  private readAt = Number.NaN;
  private tick = 0;
  private over = 0;
  /** Set by entryOf(): the mark and the bucket of the key that it looked for. */
  private mark = 0;
  private first = 0;

  /** `clock` gives milliseconds and never goes back; it is read with every write, so it should be a cached value. */
  constructor(private readonly clock: () => number) {
    this.startedAt = clock();
  }

  /**
   * A write to the key buf[start, end) of database `db`, whose hashKey() is `hash`, was sent; it is assumed to succeed.
   * `lifetimeMs`: of the TTL that it sets. `size`: of the key's value afterwards. `ifMissing`: an existing key stays unchanged.
   * Returns whether a TTL was lost.
   */
  written(
    effect: TtlEffect,
    lifetimeMs: number,
    size: Size,
    ifMissing: boolean,
    buf: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
  ): boolean {
    if (db === ANY_DATABASE) return false;
    this.settle();
    this.locate(buf, start, end, hash, db);
    this.readClock();
    return this.apply(effect, this.endIfAny(lifetimeMs), size, ifMissing);
  }

  /**
   * The same, but kept until settle(): then the writes of a whole pipeline wait for memory at once, not one after the other.
   * Reports a lost TTL to `onLost`, with `slot`.
   */
  note(
    slot: number,
    effect: TtlEffect,
    lifetimeMs: number,
    size: Size,
    ifMissing: boolean,
    buf: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
  ): void {
    if (db === ANY_DATABASE) return;
    if (this.noted === MOST_NOTED) this.settle();
    this.readClock();
    const { notes } = this;
    const at = this.noted++ * NOTE;
    notes[at] = markOf(buf, start, end, hash, db) | (size << SIZE_SHIFT);
    notes[at + 1] = (hash & BUCKET_MASK) * BUCKET;
    notes[at + 2] = this.endIfAny(lifetimeMs);
    notes[at + 3] = (slot << NOTE_SLOT_SHIFT) | (ifMissing ? NOTE_IF_MISSING : 0) | effect;
  }

  /** Carries out what note() has kept. */
  settle(): void {
    const { noted } = this;
    if (noted === 0) return;
    this.noted = 0;
    const { notes, table } = this;
    // No instruction waits for what is read here, so the CPU fetches all buckets at once.
    let read = 0;
    for (let at = 0; at < noted * NOTE; at += NOTE) read ^= table[notes[at + 1]];
    this.warmed = read;
    this.readClock();
    for (let at = 0; at < noted * NOTE; at += NOTE) {
      this.mark = notes[at] & MARK_MASK;
      this.first = notes[at + 1];
      const size = (notes[at] & SIZE_MASK) >>> SIZE_SHIFT;
      const what = notes[at + 3];
      const effect = (what & NOTE_EFFECT_MASK) as TtlEffect;
      const lost = this.apply(effect, notes[at + 2], size, (what & NOTE_IF_MISSING) !== 0);
      if (lost) this.onLost(what >>> NOTE_SLOT_SHIFT);
    }
  }

  /** `endsAt`: the tick in which the TTL ends that the write gives; 0: it gives none, or one that is over at once. */
  private apply(effect: TtlEffect, endsAt: number, size: Size, ifMissing: boolean): boolean {
    const { table } = this;
    const found = this.entry();
    const endedAt = found < 0 ? 0 : table[found + 1] >>> END_SHIFT;
    if (found < 0 || (endedAt !== 0 && endedAt <= this.tick)) {
      this.begins(found, effect, endsAt, size);
      return false;
    }
    if (ifMissing) return false;
    let own = 0;
    let end = 0;
    if (effect === TtlEffect.KEPT || (effect === TtlEffect.OWN_IF_NONE && endedAt > 0)) {
      end = endedAt;
      own = table[found] & OWN;
    } else if (effect !== TtlEffect.NONE) {
      if (endsAt === 0) {
        this.clear(found);
        return false;
      }
      end = endsAt;
      own = effect === TtlEffect.GIVEN ? 0 : OWN;
    }
    table[found] = this.mark | (size << SIZE_SHIFT) | own;
    table[found + 1] = (end << END_SHIFT) | HOT | (table[found + 1] & HAND);
    return effect === TtlEffect.NONE && endedAt > 0;
  }

  /** A write creates the key that was looked for; `found`: the key existed earlier, and its TTL has ended. */
  private begins(found: number, effect: TtlEffect, endsAt: number, size: Size): void {
    const given = effect !== TtlEffect.NONE && effect !== TtlEffect.KEPT;
    const isKnown = given ? endsAt > 0 : size !== SizeClass.OTHER;
    if (isKnown) {
      const own = given && effect !== TtlEffect.GIVEN ? OWN : 0;
      this.enter(found, size, own, given ? endsAt : 0);
    } else if (found >= 0) this.clear(found);
  }

  /**
   * The application gives the key a TTL of `lifetimeMs` from now on; with `ifNone` only if the key is not known to have one.
   */
  expires(
    lifetimeMs: number,
    ifNone: boolean,
    buf: Uint8Array,
    start: number,
    end: number,
    hash: number,
    db: number,
  ): void {
    if (db === ANY_DATABASE) return;
    const { table } = this;
    const found = this.entryOf(buf, start, end, hash, db);
    this.readClock();
    const { tick } = this;
    const endedAt = found < 0 ? 0 : table[found + 1] >>> END_SHIFT;
    if (ifNone && endedAt > tick) return;
    if (lifetimeMs < TICK_MS) {
      if (found >= 0) this.clear(found);
      return;
    }
    const lives = found >= 0 && (endedAt === 0 || endedAt > tick);
    const size = lives ? (((table[found] & SIZE_MASK) >>> SIZE_SHIFT) as Size) : SizeClass.OTHER;
    this.enter(found, size, 0, this.endOf(lifetimeMs));
  }

  /** The key lives on without a TTL: it was removed on purpose. */
  persists(buf: Uint8Array, start: number, end: number, hash: number, db: number): void {
    if (db === ANY_DATABASE) return;
    const found = this.entryOf(buf, start, end, hash, db);
    if (found < 0) return;
    const endedAt = this.table[found + 1] >>> END_SHIFT;
    this.readClock();
    const ended = endedAt > 0 && endedAt <= this.tick;
    const isOther = (this.table[found] & SIZE_MASK) === SizeClass.OTHER << SIZE_SHIFT;
    if (ended || isOther) this.clear(found);
    else {
      this.table[found] &= ~OWN;
      this.table[found + 1] &= HOT | HAND;
    }
  }

  /** The key is gone, or its state is now unknown; returns whether it was known to have a TTL. */
  forget(buf: Uint8Array, start: number, end: number, hash: number, db: number): boolean {
    if (db === ANY_DATABASE) return false;
    const found = this.entryOf(buf, start, end, hash, db);
    if (found < 0) return false;
    this.readClock();
    const had = this.table[found + 1] >>> END_SHIFT > this.tick;
    this.clear(found);
    return had;
  }

  /** What is known about a living key, as one number for sizeOf(), ownLeft() and put(); 0: nothing. */
  find(buf: Uint8Array, start: number, end: number, hash: number, db: number): number {
    if (db === ANY_DATABASE) return 0;
    const found = this.entryOf(buf, start, end, hash, db);
    if (found < 0) return 0;
    const endsAt = this.table[found + 1] >>> END_SHIFT;
    this.readClock();
    if (endsAt !== 0 && endsAt <= this.tick) return 0;
    return (this.table[found] & STATE_MASK) + endsAt * STATE_BITS;
  }

  /** The remaining milliseconds of a TTL that a rule gave, within a tenth of a second; 0: none is known. */
  ownLeft(state: number): number {
    if ((state & OWN) === 0) return 0;
    return Math.max(0, Math.floor(state / STATE_BITS) * TICK_MS - (this.clock() - this.startedAt));
  }

  /** The remaining milliseconds of its TTL, whoever set it; 0: none is known. */
  ttlLeft(state: number): number {
    const endsAt = Math.floor(state / STATE_BITS);
    return endsAt === 0 ? 0 : Math.max(1, endsAt * TICK_MS - (this.clock() - this.startedAt));
  }

  /** Sets the key to `state`, as find() returned it for the key that was renamed to this one or copied. */
  put(state: number, buf: Uint8Array, start: number, end: number, hash: number, db: number): void {
    if (db === ANY_DATABASE) return;
    const found = this.entryOf(buf, start, end, hash, db);
    if (state === 0) {
      if (found >= 0) this.clear(found);
      return;
    }
    this.readClock();
    this.enter(found, sizeOf(state), state & OWN, Math.floor(state / STATE_BITS));
  }

  forgetAll(): void {
    this.settle();
    if (this.used) this.table.fill(0);
    this.used = false;
  }

  private entryOf(buf: Uint8Array, start: number, end: number, hash: number, db: number): number {
    this.settle();
    this.locate(buf, start, end, hash, db);
    return this.entry();
  }

  private locate(buf: Uint8Array, start: number, end: number, hash: number, db: number): void {
    this.mark = markOf(buf, start, end, hash, db);
    this.first = (hash & BUCKET_MASK) * BUCKET;
  }

  /** The entry of the key that locate() was given; -1: it has none. */
  private entry(): number {
    const { table, mark, first } = this;
    for (let at = first; at < first + BUCKET; at += ENTRY) {
      const word = table[at];
      if ((word & MARK_MASK) === mark && (word & SIZE_MASK) !== 0) return at;
    }
    return -1;
  }

  /** Writes the entry of the key that entryOf() looked for: over its own at `found`, or in a place that it chooses. */
  private enter(found: number, size: Size, own: number, endsAt: number): void {
    const { table } = this;
    const at = found < 0 ? this.place() : found;
    table[at] = this.mark | (size << SIZE_SHIFT) | own;
    table[at + 1] = (endsAt << END_SHIFT) | (found < 0 ? 0 : table[at + 1] & HOT) | (table[at + 1] & HAND);
    this.used = true;
  }

  private place(): number {
    const { table, first, tick } = this;
    let hand = first;
    for (let at = first; at < first + BUCKET; at += ENTRY) {
      const endsAt = table[at + 1] >>> END_SHIFT;
      if ((table[at] & SIZE_MASK) === 0 || (endsAt !== 0 && endsAt <= tick)) return at;
      if ((table[at + 1] & HAND) !== 0) hand = at;
    }
    table[hand + 1] &= ~HAND;
    let at = hand;
    while ((table[at + 1] & HOT) !== 0) {
      table[at + 1] &= ~HOT;
      at = nextOf(first, at);
    }
    table[nextOf(first, at) + 1] |= HAND;
    return at;
  }

  /** Whole numbers only: a fractional number as an argument or result would be allocated. */
  private readClock(): void {
    const now = this.clock();
    if (now === this.readAt) return;
    this.readAt = now;
    const ms = now - this.startedAt;
    this.tick = Math.floor(ms / TICK_MS);
    this.over = Math.floor(ms - this.tick * TICK_MS);
  }

  /** The tick in which a TTL of `lifetimeMs` from now on ends; 0: it is over at once. */
  private endIfAny(lifetimeMs: number): number {
    return lifetimeMs < TICK_MS ? 0 : this.endOf(lifetimeMs);
  }

  /** The tick in which a TTL of `lifetimeMs` from now on ends. */
  private endOf(lifetimeMs: number): number {
    return Math.min(LAST_TICK, this.tick + Math.floor((this.over + lifetimeMs) / TICK_MS));
  }

  private clear(at: number): void {
    this.table[at] = 0;
    this.table[at + 1] &= HAND;
  }
}

/** The size in a state that is not 0. */
export function sizeOf(state: number): Size {
  return ((state & SIZE_MASK) >>> SIZE_SHIFT) as Size;
}

/** The same state for a key that no longer has a TTL. */
export function withoutTtl(state: number): number {
  return (state % STATE_BITS) & SIZE_MASK;
}

function nextOf(first: number, at: number): number {
  return first + ((at - first + ENTRY) & (BUCKET - 1));
}

/** A second hash, which need not read each byte in turn: the last bytes are two numbers. */
function markOf(buf: Uint8Array, start: number, end: number, hash: number, db: number): number {
  const last = end - start < TAIL_BYTES ? shortTail(buf, start, end) : fourBytes(buf, end - 4);
  const before = end - start < TAIL_BYTES ? 0 : fourBytes(buf, end - TAIL_BYTES);
  const seed = (end - start) ^ Math.imul(db, 0x9e3779b1);
  const tail = Math.imul(seed ^ last, 0x01000193) + Math.imul(before, 0xc2b2ae35);
  return (hash & ~BUCKET_MASK) | ((Math.imul(tail ^ (tail >>> 15), 0x85ebca6b) >>> 24) << 8);
}

function fourBytes(buf: Uint8Array, at: number): number {
  return buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
}

function shortTail(buf: Uint8Array, start: number, end: number): number {
  let tail = 0;
  for (let i = start; i < end; i++) tail = Math.imul(tail ^ buf[i], 0x01000193);
  return tail;
}
