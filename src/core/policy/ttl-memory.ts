// Remembers which keys have a TTL, judged by the writes that passed, so that a write that removes one is noticed without
// asking the server. One table of 1 MiB; no allocation per command; no key is stored, only a mark of 47 bits and the end of
// the TTL. A new entry replaces the one that ends first, so the count of lost TTLs is a lower bound (see docs/API.md).
//
//   bucket: lower 15 bits of the key's hash ─▶ 4 entries of [mark, end]    an entry is void after its end
//   mark:   the other 17 bits of the hash, and 15 bits of a second hash over the key's length and its last bytes
//
// Invariant: an end is in ticks since the start; 0 is an entry that was never used.
import { TtlOutcome } from './observer.js';

const BUCKETS = 1 << 15;
const WAYS = 4;
const ENTRY = 2;
const BUCKET = WAYS * ENTRY;
const BUCKET_MASK = BUCKETS - 1;
/** Rounded down: it is better to miss a lost TTL than to report one that was not lost. */
const TICK_MS = 100;
const LAST_TICK = 2 ** 31 - 1;
/** How many of the key's last bytes the second hash covers. */
const TAIL_BYTES = 8;

export class TtlMemory {
  private readonly table = new Int32Array(BUCKETS * BUCKET);
  private readonly startedAt: number;
  private used = false;

  /** `clock` gives epoch milliseconds; it is read with every write, so it should be a cached value. */
  constructor(private readonly clock: () => number) {
    this.startedAt = clock();
  }

  /**
   * A write of the key buf[start, end), whose hashKey() is `hash`, was sent; it is assumed to succeed. `replaces`: the write
   * removes the key's TTL, unless `outcome` gives one. `lifetimeMs`: the write's own expiry, or the rule's TTL. Returns
   * whether a TTL was lost.
   */
  written(
    outcome: TtlOutcome,
    replaces: boolean,
    lifetimeMs: number,
    buf: Uint8Array,
    start: number,
    end: number,
    hash: number,
  ): boolean {
    switch (outcome) {
      case TtlOutcome.WITHOUT_TTL:
      case TtlOutcome.WOULD_INJECT:
      case TtlOutcome.KEPT:
        return replaces && this.forget(buf, start, end, hash);
      case TtlOutcome.FOLLOW_UP:
        this.remember(lifetimeMs, !replaces, buf, start, end, hash);
        return false;
      default:
        this.remember(lifetimeMs, false, buf, start, end, hash);
        return false;
    }
  }

  /** The key has a TTL of `lifetimeMs` from now on; with `ifNone` only if it is not known to have one. */
  remember(
    lifetimeMs: number,
    ifNone: boolean,
    buf: Uint8Array,
    start: number,
    end: number,
    hash: number,
  ): void {
    const { table } = this;
    if (lifetimeMs < TICK_MS) {
      this.forget(buf, start, end, hash);
      return;
    }
    const now = this.clock() - this.startedAt;
    const mark = markOf(buf, start, end, hash);
    const first = (hash & BUCKET_MASK) * BUCKET;
    let place = first;
    for (let at = first; at < first + BUCKET; at += ENTRY) {
      if (table[at] === mark) {
        if (ifNone && table[at + 1] > now / TICK_MS) return;
        place = at;
        break;
      }
      if (table[at + 1] < table[place + 1]) place = at;
    }
    table[place] = mark;
    table[place + 1] = Math.min(LAST_TICK, Math.floor((now + lifetimeMs) / TICK_MS));
    this.used = true;
  }

  /** The key has no TTL any more; returns whether it was known to have one. */
  forget(buf: Uint8Array, start: number, end: number, hash: number): boolean {
    const { table } = this;
    const mark = markOf(buf, start, end, hash);
    const first = (hash & BUCKET_MASK) * BUCKET;
    for (let at = first; at < first + BUCKET; at += ENTRY) {
      if (table[at] !== mark) continue;
      const had = table[at + 1] > (this.clock() - this.startedAt) / TICK_MS;
      table[at + 1] = 0;
      return had;
    }
    return false;
  }

  forgetAll(): void {
    if (this.used) this.table.fill(0);
    this.used = false;
  }
}

function markOf(buf: Uint8Array, start: number, end: number, hash: number): number {
  let tail = end - start;
  for (let i = Math.max(start, end - TAIL_BYTES); i < end; i++) tail = Math.imul(tail ^ buf[i], 0x01000193);
  tail = Math.imul(tail ^ (tail >>> 15), 0x85ebca6b);
  return (hash & ~BUCKET_MASK) | (tail >>> 17);
}
