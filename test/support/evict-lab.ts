// The loop that makes room, without sockets and in virtual time: the ring, the pace and the second chance beside a model of a
// server that counts memory and idle time as Redis does (idle in whole seconds, small strings freed at once).
import { hashKey } from '../../src/core/policy/hash.js';
import { sizeClassOf } from '../../src/core/policy/size-class.js';
import { type Flow, Pace } from '../../src/evict/pace.js';
import { ReadShare } from '../../src/evict/read-share.js';
import { Ring } from '../../src/evict/ring.js';
import { memoryOfKey } from '../../src/evict/ring-lists.js';
import { ASK_FROM_MS, readSinceByIdle } from '../../src/evict/second-chance.js';

/** As the evictor does. */
const LOOK_MS = 20;
const READ_MS = 25;
const BATCH = 64;
const QUESTIONS_PER_S = 10_000;
const MARKS = { start: 0.78, stop: 0.76 };

interface Value {
  readonly bytes: number;
  usedAt: number;
}

export interface EvictLabOptions {
  readonly limitBytes: number;
  readonly valueBytes: number;
  /** Memory that nobody may evict. */
  readonly fixedBytes?: number;
  /** What the ring may take. */
  readonly ringBytes?: number;
  /** By how much the server's sizes differ from those that the proxy estimates. */
  readonly sizeFactor?: number;
}

export class EvictLab {
  now = 0;
  /** Shares of the limit that were seen since the start was reached first. */
  lowest = 1;
  highest = 0;
  evicted = 0;
  usedBytes: number;
  readonly store = new Map<number, Value>();
  private readonly ring: Ring;
  private readonly pace = new Pace(MARKS);
  private admitted = 0;
  private freed = 0;
  private lookedAt = 0;
  private readAt = 0;
  private readonly reads = new ReadShare();
  private tokens = 0;
  private begun = false;

  constructor(private readonly options: EvictLabOptions) {
    this.usedBytes = options.fixedBytes ?? 0;
    this.ring = new Ring({ bytes: options.ringBytes ?? 32 * 1024 ** 2, now: () => this.now });
    this.ring.adopt([{ slot: 1, priority: 1, evict: true, observe: false }]);
  }

  get share(): number {
    return this.usedBytes / this.options.limitBytes;
  }

  get(id: number): boolean {
    const value = this.store.get(id);
    if (value === undefined) return false;
    value.usedAt = this.now;
    return true;
  }

  set(id: number): void {
    const { valueBytes, sizeFactor = 1 } = this.options;
    const key = Buffer.from(`cache:${id}`);
    const size = sizeClassOf(valueBytes);
    const bytes = memoryOfKey(key.length, size) * sizeFactor;
    this.usedBytes += bytes - (this.store.get(id)?.bytes ?? 0);
    this.store.set(id, { bytes, usedAt: this.now });
    this.admitted += valueBytes + key.length;
    this.ring.written(1, key, 0, key.length, hashKey(key, 0, key.length), 0, size, 0);
  }

  /** Memory that cannot be evicted. */
  grow(bytes: number): void {
    this.usedBytes += bytes;
    this.admitted += bytes;
  }

  pass(ms: number): void {
    this.now += ms;
    if (this.now - this.readAt >= READ_MS) this.read();
    if (this.now - this.lookedAt >= LOOK_MS) this.look();
    this.begun ||= this.share >= MARKS.start;
    if (!this.begun) return;
    this.lowest = Math.min(this.lowest, this.share);
    this.highest = Math.max(this.highest, this.share);
  }

  private get flow(): Flow {
    return { admitted: this.admitted, freed: this.freed };
  }

  private read(): void {
    this.readAt = this.now;
    const { limitBytes } = this.options;
    this.pace.take({ usedBytes: this.usedBytes, limitBytes }, this.flow, 0, this.now);
  }

  private look(): void {
    this.tokens = Math.min(1000, this.tokens + ((this.now - this.lookedAt) * QUESTIONS_PER_S) / 1000);
    this.lookedAt = this.now;
    let due = this.pace.due(this.flow, this.now);
    while (due > 0) {
      const taken = this.ring.take(BATCH, due);
      if (taken.length === 0) return;
      for (const candidate of taken) {
        const id = Number(Buffer.from(candidate.key).toString().slice('cache:'.length));
        const value = this.store.get(id);
        if (value === undefined) continue;
        const age = this.now - candidate.at;
        if (age >= ASK_FROM_MS && this.tokens >= 1 && this.reads.asks(1)) {
          this.tokens--;
          const idle = Math.floor(this.now / 1000) - Math.floor(value.usedAt / 1000);
          const wasRead = readSinceByIdle(age, idle);
          this.reads.learn(1, wasRead);
          if (wasRead) {
            this.ring.again(candidate);
            continue;
          }
        }
        this.store.delete(id);
        this.usedBytes -= value.bytes;
        this.freed += candidate.bytes;
        this.evicted++;
        due -= candidate.bytes;
      }
    }
  }
}

/** Ranks 0 … n-1, the first ones more often: by 1 / rank^exponent. `random`: 0 ≤ r < 1. */
export function zipf(n: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += 1 / (i + 1) ** exponent;
    sums[i] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** 0 ≤ r < 1, the same each time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
