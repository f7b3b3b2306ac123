// Estimates the memory of one rule's keys from a sample: keys whose mixed hash lies in a fraction of the hash space. The
// fraction is 1 as long as all keys fit; each time they do not, it is halved. So the sample has between half of MOST and MOST
// keys, and its sum divided by the fraction estimates the sum of all keys, with a standard error of 3% or less for keys of
// similar size. A large key counts by itself once it is known, since a sample of large keys would say little.
// A key's size comes from the writes that passed, and is corrected when somebody measures the key. Measurements also show how
// many bytes of memory a written byte takes, so that the sum is right for keys that were not measured yet.
//
//   held = sum of sampled keys / fraction + sum of large keys
//
// It is long because writes and measurements change the same numbers of a key, and `held` must follow both.
// Invariants: no clock, no I/O: `now` is set by the owner; at most MOST entries; `held` is the sum of the entries.

import { type HeldKeys, Lifetime } from './held-keys.js';
import { FREE, KeyTable } from './key-table.js';
import { MemoryRatio } from './memory-ratio.js';
import { ENTRY_BYTES, stringMemory } from './string-memory.js';

/** After this time a write is visible in the server's table of keys. */
const SETTLED_MS = 200;
/** A key that is written all the time is still measured this often. */
const BUSY_MS = 1000;
/** After this time a key that is not written is measured again, since it may have been evicted, or changed by others. */
const STALE_MS = 10_000;
/** A key with at least this share of the budget is large. */
const LARGE = 0.01;
const LEAST_RATIO = 0.1;
/** 2^32: the whole hash space. */
const WHOLE = 2 ** 32;

/** Which writes concern a sample: those of keys whose mixed hash is below this, and those that may be to a large key. */
export interface SampleScope {
  readonly below: number;
  readonly largeBytes: number;
}

/** A key that should be measured. */
export interface DueKey {
  readonly key: Uint8Array;
  readonly hash: number;
  /** In the unit of `now`. */
  readonly askedAt: number;
}

export class KeySample implements HeldKeys {
  held = 0;
  now = 0;
  /** How often all keys were gone, so that the present ones must be found again. */
  clears = 0;
  /** How often somebody who saw writes could not report all of them, so that some keys must be found. */
  gaps = 0;
  /** From this many bytes on a key is large; Infinity until the budget is known. */
  private largeBytes = Number.POSITIVE_INFINITY;
  /** Keys whose mixed hash is below this are sampled; those below `joining` are being added. */
  private limit = WHOLE;
  private joining = WHOLE;
  private readonly table: KeyTable;
  private readonly hashes: Int32Array;
  private readonly keys: readonly (Uint8Array | undefined)[];
  private readonly sizes: Float64Array;
  private readonly ends: Float64Array;
  private readonly touchedAt: Float64Array;
  /** 0: never. */
  private readonly measuredAt: Float64Array;
  /** The size by estimate, and the bytes written since the key was measured, before the ratio is applied. */
  private readonly bases: Float64Array;
  private readonly added: Float64Array;
  private readonly large: Uint8Array;
  private readonly dirty: Uint8Array;
  private largeKeys = 0;
  private cursor = 0;
  /** Bytes that may still be written to keys outside the sample until one of them is examined: it may be large. */
  private credit = 0;
  private readonly values = new MemoryRatio();
  private readonly growth = new MemoryRatio();

  /** `onHeld` is called after each change. */
  constructor(
    readonly most: number,
    private readonly onHeld: (held: number) => void = () => {},
  ) {
    this.table = new KeyTable(most);
    this.hashes = this.table.hashes;
    this.keys = this.table.keys;
    this.sizes = new Float64Array(most);
    this.ends = new Float64Array(most);
    this.touchedAt = new Float64Array(most);
    this.measuredAt = new Float64Array(most);
    this.bases = new Float64Array(most);
    this.added = new Float64Array(most);
    this.large = new Uint8Array(most);
    this.dirty = new Uint8Array(most);
  }

  /** The fraction of all keys of the rule; at 1 each of them is known. */
  get fraction(): number {
    return this.limit / WHOLE;
  }

  get size(): number {
    return this.table.size;
  }

  set budgetBytes(bytes: number) {
    this.largeBytes = bytes > 0 ? bytes * LARGE : Number.POSITIVE_INFINITY;
  }

  /** Which writes others must report. */
  get scope(): SampleScope {
    return { below: this.joining, largeBytes: this.largeBytes };
  }

  replaced(
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    bytes: number,
    lifetimeMs: number,
  ): void {
    // For a rule with many keys, most writes are reported only as "outside the sample".
    const at = this.touch(key, start, end, hash, ENTRY_BYTES + end - start + bytes);
    if (at === FREE) return;
    const base = stringMemory(end - start, bytes);
    this.live(at, lifetimeMs, false);
    this.bases[at] = base;
    this.added[at] = 0;
    const size = base * this.values.value;
    if (size === this.sizes[at]) return;
    this.resize(at, size);
    this.onHeld(this.held);
  }

  grown(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetimeMs: number): void {
    const at = this.touch(key, start, end, hash, bytes);
    if (at === FREE) return;
    this.live(at, lifetimeMs, lifetimeMs < 0);
    if (this.measuredAt[at] === 0 && this.added[at] === 0 && this.bases[at] === 0) {
      this.bases[at] = ENTRY_BYTES + end - start;
      this.resize(at, this.bases[at]);
    }
    this.added[at] += bytes;
    this.resize(at, this.sizes[at] + bytes * this.growth.value);
    this.onHeld(this.held);
  }

  changed(key: Uint8Array, start: number, end: number, hash: number, lifetimeMs: number): void {
    const at = this.touch(key, start, end, hash, 0);
    if (at !== FREE) this.live(at, lifetimeMs, lifetimeMs < 0);
  }

  lives(_key: Uint8Array, start: number, end: number, hash: number, lifetimeMs: number): void {
    const at = this.find(hash, end - start);
    if (at !== FREE) this.live(at, lifetimeMs, lifetimeMs < 0);
  }

  ended(_key: Uint8Array, start: number, end: number, hash: number): void {
    const at = this.find(hash, end - start);
    if (at === FREE) return;
    this.remove(at);
    this.onHeld(this.held);
  }

  clear(): void {
    for (let at = 0; at < this.most; at++) if (this.keys[at] !== undefined) this.remove(at);
    this.limit = WHOLE;
    this.joining = WHOLE;
    this.held = 0;
    this.clears++;
    this.onHeld(0);
  }

  /** A key of the rule that was found on the server. */
  found(key: Uint8Array, hash: number): void {
    if (mixed(hash) >= this.joining || this.find(hash, key.length) !== FREE) return;
    const at = this.insert(key, 0, key.length, hash);
    if (at !== FREE) this.touchedAt[at] = this.now - BUSY_MS;
  }

  /**
   * Begins another walk over the server's keys, all of which will be passed to found(). Afterwards a sample that has become
   * small accepts more of them.
   */
  beginWalk(): void {
    this.joining = this.size < this.most / 4 ? Math.min(WHOLE, this.limit * 2) : this.limit;
  }

  /** All keys have been found since beginWalk(). */
  endWalk(): void {
    if (this.joining === this.limit) return;
    this.limit = this.joining;
    this.addUp();
    this.onHeld(this.held);
  }

  /** Keys that were never measured. */
  get unmeasured(): number {
    let count = 0;
    for (let at = 0; at < this.most; at++)
      if (this.keys[at] !== undefined && this.measuredAt[at] === 0) count++;
    return count;
  }

  /** Removes keys whose time is over. Adds to `due` up to `most` keys that should be measured; measured() must follow. */
  look(due: DueKey[], most: number): void {
    const { now } = this;
    let ended = false;
    for (let i = 0; i < this.most; i++) {
      if (this.keys[i] === undefined || this.ends[i] > now) continue;
      this.remove(i);
      ended = true;
    }
    if (ended) this.onHeld(this.held);
    let left = most;
    for (let i = 0; i < this.most && left > 0; i++) {
      const at = this.cursor;
      this.cursor = at + 1 === this.most ? 0 : at + 1;
      const key = this.keys[at];
      if (key === undefined || !this.isDue(at, now)) continue;
      due.push({ key, hash: this.hashes[at], askedAt: now });
      left--;
    }
  }

  /** The server's answer about a key that was due: its bytes; -1: it is gone. `lifetimeMs`: or Lifetime.NONE. */
  measured({ key, hash, askedAt }: DueKey, bytes: number, lifetimeMs: number): void {
    const at = this.find(hash, key.length);
    if (at === FREE) return;
    const settled = this.touchedAt[at] <= askedAt - SETTLED_MS;
    if (bytes < 0) {
      // A write of the last moment may not be in it yet.
      if (this.touchedAt[at] <= askedAt - BUSY_MS || (settled && this.measuredAt[at] > 0)) this.remove(at);
      else this.measuredAt[at] = Math.max(this.measuredAt[at], 1);
      this.onHeld(this.held);
      return;
    }
    this.learn(at, bytes);
    const isLarge = bytes >= this.largeBytes;
    if (!isLarge && mixed(hash) >= this.joining) this.remove(at);
    else {
      if (isLarge !== (this.large[at] === 1)) this.setLarge(at, isLarge);
      this.resize(at, bytes);
      this.bases[at] = bytes;
      this.added[at] = 0;
      this.ends[at] = this.now + lifetimeMs;
      this.measuredAt[at] = Math.max(this.now, 1);
      if (settled) this.dirty[at] = 0;
    }
    this.onHeld(this.held);
  }

  private isDue(at: number, now: number): boolean {
    const since = now - this.measuredAt[at];
    if (this.measuredAt[at] > 0 && this.dirty[at] === 0) return since >= STALE_MS;
    return now - this.touchedAt[at] >= SETTLED_MS || since >= BUSY_MS;
  }

  /** For a key whose size was known, or whose value is all that was written. */
  private learn(at: number, bytes: number): void {
    const { bases, added } = this;
    if (added[at] > 0) {
      // How much of what is written to an existing key stays: nothing if it replaces the value.
      if (bases[at] > 0) this.growth.learn(Math.max(0, bytes - bases[at]), added[at], 0);
    } else if (this.measuredAt[at] === 0 && bases[at] > 0) this.values.learn(bytes, bases[at], LEAST_RATIO);
    else if (this.dirty[at] === 1 && bases[at] > 0) this.values.learn(bytes, bases[at], LEAST_RATIO);
  }

  /** The entry of the key that is written; FREE: it has none. */
  private touch(key: Uint8Array, start: number, end: number, hash: number, bytes: number): number {
    const inside = mixed(hash) < this.joining;
    if (!inside && this.largeKeys === 0 && !this.mayBeLarge(bytes)) return FREE;
    let at = this.find(hash, end - start);
    if (at === FREE) {
      if (!inside && this.largeKeys > 0 && !this.mayBeLarge(bytes)) return FREE;
      at = this.insert(key, start, end, hash);
      if (at === FREE) return FREE;
    }
    this.touchedAt[at] = this.now;
    this.dirty[at] = 1;
    return at;
  }

  /** One key outside the sample is examined each time this much was written to them. */
  private mayBeLarge(bytes: number): boolean {
    if (bytes >= this.largeBytes) return true;
    this.credit -= bytes;
    if (this.credit > 0 || this.largeBytes === Number.POSITIVE_INFINITY) return false;
    this.credit = this.largeBytes;
    return true;
  }

  private live(at: number, lifetimeMs: number, ifNone: boolean): void {
    if (lifetimeMs === Lifetime.KEPT) return;
    if (ifNone && this.ends[at] !== Number.POSITIVE_INFINITY) return;
    this.ends[at] = this.now + Math.abs(lifetimeMs);
  }

  private weight(at: number): number {
    if (this.large[at] === 1) return 1;
    return mixed(this.hashes[at]) < this.limit ? WHOLE / this.limit : 0;
  }

  private resize(at: number, bytes: number): void {
    this.held += this.weight(at) * (bytes - this.sizes[at]);
    this.sizes[at] = bytes;
  }

  private setLarge(at: number, large: boolean): void {
    const { held, sizes } = this;
    const before = this.weight(at);
    this.large[at] = large ? 1 : 0;
    this.largeKeys += large ? 1 : -1;
    this.held = held + (this.weight(at) - before) * sizes[at];
  }

  private find(hash: number, length: number): number {
    return this.table.find(hash, length);
  }

  private insert(key: Uint8Array, start: number, end: number, hash: number): number {
    while (this.table.isFull && this.limit > 1) {
      this.halve();
      if (mixed(hash) >= this.joining) return FREE;
    }
    const at = this.table.insert(key, start, end, hash);
    if (at === FREE) return FREE;
    this.sizes[at] = 0;
    this.ends[at] = Number.POSITIVE_INFINITY;
    this.measuredAt[at] = 0;
    this.bases[at] = 0;
    this.added[at] = 0;
    this.large[at] = 0;
    this.dirty[at] = 1;
    return at;
  }

  private remove(at: number): void {
    this.resize(at, 0);
    if (this.large[at] === 1) this.largeKeys--;
    this.large[at] = 0;
    this.table.remove(at);
  }

  private halve(): void {
    this.limit /= 2;
    this.joining = this.limit;
    for (let at = 0; at < this.most; at++) {
      if (this.keys[at] !== undefined && this.large[at] === 0 && mixed(this.hashes[at]) >= this.limit)
        this.remove(at);
    }
    this.addUp();
    this.onHeld(this.held);
  }

  private addUp(): void {
    this.held = 0;
    for (let at = 0; at < this.most; at++) {
      if (this.keys[at] !== undefined) this.held += this.weight(at) * this.sizes[at];
    }
  }
}

/** Independent of the hash's order, which decides which keys are refused. */
export function mixed(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 0;
}
