// Which keys have a TTL, as far as what passed here tells: so that a plain write that takes one away is noticed, with no
// question to the server. One table of 1 MiB, no allocation per command, no key kept: a mark of 47 bits and when the
// TTL ends. What does not fit pushes out what ends soonest, so what is found is a lower bound; docs/API.md says how low.
//
//   bucket: lower 15 bits of the key's hash ─▶ 4 entries of [mark, end]    an entry is dead from its end on
//   mark:   the other 17 bits of the hash, 15 bits of a second one over the key's length and its last bytes
//
// Invariant: an end is in ticks since the start; 0 is an entry that was never used.
import { TtlOutcome } from './observer.js';

const BUCKETS = 1 << 15;
const WAYS = 4;
const ENTRY = 2;
const BUCKET = WAYS * ENTRY;
const BUCKET_MASK = BUCKETS - 1;
/** Rounded down: better missed than seen where none is. */
const TICK_MS = 100;
const LAST_TICK = 2 ** 31 - 1;
/** So many of the key's last bytes make up the second hash. */
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
   * A write of the key buf[start, end), whose hashKey() is `hash`, has gone up: taken to succeed. `replaces`: it leaves
   * the key without any TTL but for what `outcome` says. `lifetimeMs`: that of the write's own expiry, or of the rule's
   * TTL. Returns whether a TTL is lost.
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

  /** The key has a TTL of `lifetimeMs` from now on; with `ifNone` only where it is not known to have one. */
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

  /** The key has no TTL any more; returns whether it is known to have had one up to now. */
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
