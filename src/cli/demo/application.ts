// The demo's application: writes every pattern at its rate through one ioredis connection, consumes the queues, and counts
// the replies to its writes. It knows only a port, so the same application runs on both sides.
// Invariant: its rate and its pending writes are bounded; when replies are slow it writes less.
import { Redis } from 'ioredis';
import { PATTERN_NAMES, PATTERNS, type Pattern, type PatternName, QUEUES } from './patterns.js';
import { createRandom, type Random } from './random.js';

const TICK_MS = 20;
/** A late tick makes up for this much time at most. */
const LONGEST_STEP_MS = 100;
const MAX_IN_FLIGHT = 3000;
const SEED = 2026;
const FILLER_BYTES = 256 * 1024;

export interface Tally {
  accepted: number;
  /** Answered with OOM, by Redis or earlier by Spillway. The application cannot tell which. */
  oom: number;
  /** Any other error. */
  failed: number;
}

export class Application {
  readonly tallies: Readonly<Record<PatternName, Tally>>;
  readonly #redis: Redis;
  readonly #random: Random = createRandom(SEED);
  readonly #filler: Buffer;
  /** By pattern: the fraction of a write that is due, and the writes so far. */
  readonly #owed = new Map<Pattern, number>();
  readonly #made = new Map<Pattern, number>();
  readonly #growth: number;
  #inFlight = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;

  /** `growth` multiplies the values of the unbounded patterns: how fast memory fills. */
  constructor(port: number, growth: number) {
    this.tallies = Object.fromEntries(
      PATTERN_NAMES.map((name) => [name, { accepted: 0, oom: 0, failed: 0 }]),
    ) as Record<PatternName, Tally>;
    this.#redis = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 0, connectionName: 'demo-app' });
    // Without a listener a lost connection would end the demo. Failed writes are counted in any case.
    this.#redis.on('error', () => {});
    this.#growth = growth;
    const random = createRandom(SEED);
    this.#filler = Buffer.from(Uint8Array.from({ length: FILLER_BYTES }, () => random() * 256));
  }

  start(): void {
    this.#lastTick = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Stops writing and disconnects. Pending writes are dropped and not counted. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#redis.disconnect();
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = Math.min(now - this.#lastTick, LONGEST_STEP_MS);
    this.#lastTick = now;
    if (this.#inFlight > MAX_IN_FLIGHT) return;
    for (const pattern of PATTERNS) {
      const due = (this.#owed.get(pattern) ?? 0) + (pattern.writesPerSecond * elapsed) / 1000;
      const whole = Math.floor(due);
      this.#owed.set(pattern, due - whole);
      for (let i = 0; i < whole; i++) this.#write(pattern);
    }
    this.#consume();
  }

  #write(pattern: Pattern): void {
    const sequence = this.#made.get(pattern) ?? 0;
    this.#made.set(pattern, sequence + 1);
    const key = pattern.key(this.#random, sequence);
    const bytes = Math.round(pattern.valueBytes * (pattern.unbounded ? this.#growth : 1));
    const from = Math.floor(this.#random() * (FILLER_BYTES - bytes));
    const value = this.#filler.subarray(from, from + bytes);
    const write = pattern.name === 'queue' ? this.#redis.lpush(key, value) : this.#redis.set(key, value);
    const tally = this.tallies[pattern.name];
    this.#inFlight++;
    write.then(
      () => {
        this.#inFlight--;
        tally.accepted++;
      },
      (error: Error) => {
        this.#inFlight--;
        if (error.message.startsWith('OOM ')) tally.oom++;
        else if (!this.#stopped) tally.failed++;
      },
    );
  }

  /** Empties the queues. Pops are never refused, so the queues stay small. */
  #consume(): void {
    for (const queue of QUEUES) {
      this.#redis.rpop(queue, 1000).catch(() => {});
    }
  }
}
