// The keys that this process knows and may evict: those written through it to rules with `evict`, the oldest of each rule
// first. A key that is written again is the youngest of its rule. Bounded: when it is full, it forgets the oldest key and
// counts that; SCAN (scan-source) finds keys that the ring does not know. No clock, no I/O; written() and ended() are
// called on the hot path and allocate nothing. A key whose TTL is over does not count as memory that can be freed, but is
// handed out in its turn: the server may not have removed it yet.
// It is long because each way in which a key is heard of keeps the same lists and sums right.
// Invariants: a key is known once at most; take() hands out nothing that adopt() has not said is evictable; a key is current
// only if nothing was heard of it since it was handed out.

import type { EvictableKeys } from '../core/policy/evictable-keys.js';
import { hashKey } from '../core/policy/hash.js';
import { ANY_DATABASE } from '../core/policy/key-memory.js';
import type { Rule } from '../core/policy/rule.js';
import type { Size } from '../core/policy/size-class.js';
import type { Candidate, Candidates, RingFill, RuleStock } from './candidates.js';
import { Recalled } from './recalled.js';
import { NONE, RingBlocks } from './ring-blocks.js';
import { memoryOfKey, RingLists } from './ring-lists.js';
import { ENDLESS, KEPT, lifeOf, lifeWithin, ticksOf } from './ring-lives.js';

/** A key that is written again within this time keeps its place, so that a key that is written all the time costs little. */
export const TICK_MS = 100;
/** This many rules of a priority are compared for the oldest key; if there are more, this many at a time, in turn. */
const MOST_COMPARED = 64;

type Located = Pick<Rule, 'slot' | 'priority' | 'evict' | 'observe'>;

/** A key as the ring hands it out. */
interface RingKey extends Candidate {
  readonly hash: number;
  readonly size: Size;
  /** The tick in which it expires; Infinity: never, as far as known. */
  readonly endTick: number;
  /** When it was handed out, as Recalled counts it. */
  readonly stamp: number;
}

/** The slot of the rule that matches the key now. */
export type SlotOf = (key: Uint8Array, db: number) => number;

export class Ring implements EvictableKeys, Candidates {
  private dropped = 0;
  private keys = 0;
  private readonly blocks: RingBlocks;
  private readonly lists: RingLists;
  private readonly now: () => number;
  private readonly startedAt: number;
  /** Slots of rules with evict by priority, with observing rules separate; all of them; and those that once had evict. */
  private order: number[][] = [];
  private observed: number[][] = [];
  private retired: number[] = [];
  private all: number[] = [];
  /** Keys written before this tick may belong to another rule since. */
  private adoptedTick = -1;
  private slotOf: SlotOf | undefined;
  /** The clock when it was last read, also in ticks. */
  private tickedAt = Number.NaN;
  private ticks = 0;
  private turn = 0;
  private victim = 0;
  private readonly recalled = new Recalled();

  /** `now`: milliseconds, never goes back; read with every write, so it should be a cached value. */
  constructor({ bytes, now }: { readonly bytes: number; readonly now: () => number }) {
    this.blocks = new RingBlocks(bytes);
    this.lists = new RingLists(this.blocks);
    this.now = now;
    this.startedAt = now();
  }

  get fill(): RingFill {
    const { blocks, dropped } = this;
    return { keys: this.keys, bytes: blocks.usedBytes, capacityBytes: blocks.capacityBytes, dropped };
  }

  /** Applies these rules from now on. `slotOf`: finds the rule of a key that was written before, if rules have changed. */
  adopt(rules: readonly Located[], slotOf?: SlotOf): void {
    const evicting = rules.filter(({ evict }) => evict === true);
    const had = new Set([...this.all, ...this.retired]);
    this.order = byPriority(evicting.filter(({ observe }) => !observe));
    this.observed = byPriority(evicting.filter(({ observe }) => observe));
    this.all = evicting.map(({ slot }) => slot);
    this.lists.admit(this.all);
    this.retired = [...had].filter((slot) => !this.all.includes(slot) && this.lists.count(slot) > 0);
    this.victim = 0;
    this.recalled.all();
    if (slotOf === undefined) return;
    this.slotOf = slotOf;
    this.adoptedTick = this.tick();
  }

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
    const { blocks, lists } = this;
    const tick = this.tick();
    const life = lifetimeMs > 0 ? lifeOf(lifetimeMs / TICK_MS) : KEPT;
    if (blocks.isFresh(end - start, hash, slot, db, tick, size, life)) return;
    const at = blocks.find(end - start, hash, db);
    if (at === NONE) {
      const first = lifetimeMs === 0 ? ENDLESS : lifeOf(Math.abs(lifetimeMs) / TICK_MS);
      this.keep(key, start, end, hash, slot, db, tick, size, first);
      return;
    }
    if (blocks.tick(at) === tick && blocks.size(at) === size && blocks.slot(at) === slot) {
      if (life !== KEPT && blocks.life(at) !== life) lists.setLife(at, life, tick);
      return;
    }
    if (!lists.admits(slot)) {
      this.forget(at, tick);
      this.recalled.one(hash);
      return;
    }
    const next = life === KEPT ? this.lifeLeft(at, lifetimeMs, tick) : life;
    lists.unlink(at, tick);
    blocks.rewrite(at, slot, tick, size, next);
    lists.append(at, tick);
  }

  /** Keys with these hashes will be written: the CPU fetches what it will read of them, for all at once. */
  fetch(hashes: Int32Array, count: number): void {
    this.blocks.fetch(hashes, count);
  }

  ended(_key: Uint8Array, start: number, end: number, hash: number, db: number): void {
    this.recalled.one(hash);
    if (db === ANY_DATABASE || this.blocks.used === 0) return;
    const at = this.blocks.find(end - start, hash, db);
    if (at !== NONE) this.forget(at, this.tick());
  }

  lives(_key: Uint8Array, start: number, end: number, hash: number, db: number, lifetimeMs: number): void {
    if (db === ANY_DATABASE || this.blocks.used === 0) return;
    const { blocks } = this;
    const at = blocks.find(end - start, hash, db);
    if (at === NONE) return;
    const now = this.tick();
    this.lists.setLife(at, lifeOf(now - blocks.tick(at) + lifetimeMs / TICK_MS), now);
  }

  clear(): void {
    this.recalled.all();
    if (this.blocks.used === 0) return;
    this.blocks.clear();
    this.lists.clear();
    this.keys = 0;
  }

  /**
   * Hands out keys that may be evicted and forgets them: the oldest of the rules of the lowest priority; `observed`: of rules
   * that observe, otherwise of the others; or only of the rule in `slot`. At least one if there is any, and no more once they
   * take `mostBytes`.
   */
  take(most: number, mostBytes: number, observed = false, slot?: number): Candidate[] {
    const taken: Candidate[] = [];
    this.recalled.handOut();
    let bytes = 0;
    const order = slot === undefined ? (observed ? this.observed : this.order) : this.ordered(slot);
    for (const slots of order) {
      while (taken.length < most && (bytes < mostBytes || taken.length === 0)) {
        const at = this.oldestOf(slots);
        if (at === NONE) break;
        const candidate = this.takeOut(at);
        if (candidate === undefined) continue;
        taken.push(candidate);
        bytes += candidate.bytes;
      }
    }
    return taken;
  }

  /** Whether nothing was heard of the key since it was taken. */
  isCurrent(candidate: Candidate): boolean {
    const { key, hash, db, stamp } = candidate as RingKey;
    return !this.recalled.has(hash, stamp) && this.blocks.find(key.length, hash, db) === NONE;
  }

  /** A key from take() stays: it becomes the youngest. */
  again(candidate: Candidate): void {
    if (!this.isCurrent(candidate)) return;
    const { key, hash, slot, db, size, endTick } = candidate as RingKey;
    const tick = this.tick();
    if (endTick <= tick) return;
    this.keep(key, 0, key.length, hash, slot, db, tick, size, lifeWithin(endTick - tick));
  }

  /** Whether the ring knows the key. */
  knows(db: number, key: Uint8Array): boolean {
    return this.blocks.find(key.length, hashKey(key, 0, key.length), db) !== NONE;
  }

  /** A key of the rule, whose size was unknown (`bytes` 0), took this much. */
  learn(slot: number, bytes: number): void {
    this.lists.learn(slot, bytes);
  }

  /** For each rule with evict. */
  stock(): RuleStock[] {
    const { blocks, lists } = this;
    const now = this.now();
    const tick = this.tick();
    return this.all.map((slot) => {
      const head = lists.head(slot);
      const oldestMs = head === NONE ? 0 : now - this.startedAt - blocks.tick(head) * TICK_MS;
      return { slot, ...lists.alive(slot, tick), oldestMs };
    });
  }

  private ordered(slot: number): number[][] {
    return this.lists.admits(slot) ? [[slot]] : [];
  }

  private tick(): number {
    const now = this.now();
    if (now !== this.tickedAt) {
      this.tickedAt = now;
      this.ticks = Math.floor((now - this.startedAt) / TICK_MS);
    }
    return this.ticks;
  }

  private keep(
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    slot: number,
    db: number,
    tick: number,
    size: Size,
    life: number,
  ): void {
    const { blocks, lists } = this;
    if (!lists.admits(slot)) {
      this.recalled.one(hash);
      return;
    }
    if (!blocks.canKeep(end - start, slot, db)) {
      this.dropped++;
      return;
    }
    while (!blocks.hasRoomFor(end - start)) this.dropOldest();
    lists.append(blocks.add(key, start, end, hash, slot, db, tick, size, life), tick);
    this.keys++;
  }

  /** The life of a key that was written and kept its TTL, or got one (`lifetimeMs` below 0) if it had none. */
  private lifeLeft(at: number, lifetimeMs: number, tick: number): number {
    const end = this.endOf(at);
    // Expired meanwhile, so it was a new key.
    const had = end > tick;
    if (had && end < Number.POSITIVE_INFINITY) return lifeWithin(end - tick);
    return lifetimeMs === 0 ? ENDLESS : lifeOf(-lifetimeMs / TICK_MS);
  }

  private endOf(at: number): number {
    return this.blocks.tick(at) + ticksOf(this.blocks.life(at));
  }

  private forget(at: number, tick: number): void {
    this.lists.unlink(at, tick);
    this.blocks.remove(at);
    this.keys--;
  }

  /** undefined: it is forgotten, because its rule has changed. */
  private takeOut(at: number): RingKey | undefined {
    const { blocks } = this;
    const db = blocks.db(at);
    const slot = blocks.slot(at);
    const size = blocks.size(at);
    const key = blocks.copyKey(at);
    // Field by field: a spread object took a fifth of the proxy's time with a cache at full speed.
    const candidate: RingKey = {
      db,
      key,
      slot,
      size,
      hash: blocks.hash(at),
      bytes: memoryOfKey(key.length, size),
      at: this.startedAt + blocks.tick(at) * TICK_MS,
      endTick: this.endOf(at),
      stamp: this.recalled.stamp,
    };
    const isOld = blocks.tick(at) <= this.adoptedTick;
    this.forget(at, this.tick());
    if (isOld && this.slotOf !== undefined && this.slotOf(key, db) !== slot) return undefined;
    return candidate;
  }

  private oldestOf(slots: readonly number[]): number {
    const { lists, blocks } = this;
    let oldest = NONE;
    const compared = Math.min(slots.length, MOST_COMPARED);
    for (let i = 0; i < slots.length; i++) {
      if (i >= compared && oldest !== NONE) break;
      if (slots.length > MOST_COMPARED) this.turn = (this.turn + 1) % slots.length;
      const head = lists.head(slots[slots.length > MOST_COMPARED ? this.turn : i]);
      if (head !== NONE && (oldest === NONE || blocks.tick(head) < blocks.tick(oldest))) oldest = head;
    }
    return oldest;
  }

  /** Nearly the oldest of all: each call compares one more rule with the one that had the oldest. */
  private dropOldest(): void {
    const { lists, blocks, all, retired } = this;
    while (retired.length > 0) {
      const head = lists.head(retired[retired.length - 1]);
      if (head !== NONE) {
        this.drop(head);
        return;
      }
      retired.pop();
    }
    let head = lists.head(all[this.victim]);
    for (let i = 0; i < all.length; i++) {
      this.turn = this.turn + 1 >= all.length ? 0 : this.turn + 1;
      const other = lists.head(all[this.turn]);
      if (other !== NONE && (head === NONE || blocks.tick(other) < blocks.tick(head))) {
        head = other;
        this.victim = this.turn;
      }
      if (head !== NONE) break;
    }
    if (head === NONE) return;
    // The next key to be dropped, usually; its place in the index is far away.
    blocks.warm(blocks.younger(head));
    this.drop(head);
  }

  /** Forgets it for want of room. SCAN need not find it again if it has expired. */
  private drop(at: number): void {
    const tick = this.tick();
    if (this.endOf(at) > tick) this.dropped++;
    this.forget(at, tick);
  }
}

function byPriority(rules: readonly Located[]): number[][] {
  const priorities = [...new Set(rules.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.map((one) => rules.filter(({ priority }) => priority === one).map(({ slot }) => slot));
}
