// The ring of one worker, as the primary sees it: keys come in batches, and right before they are unlinked the primary asks
// which were written since. One question to the worker at a time: further requests go with the next one. Bounded: at most KEYS
// wait here.
// Invariants: each call of take() and current() is answered, with nothing once the worker is gone.
import type { Candidate, RingFill, RuleStock } from './candidates.js';
import type { KeySource } from './key-source.js';
import type { BatchKey, EvictAnswer, EvictAsk, PackedKeys, TakeAsk } from './messages.js';
import { LIKELY_BYTES } from './observation.js';
import type { Owed } from './owed.js';

/** A worker that serves clients at full speed answers late, so it is asked for many batches at once. */
const KEYS = 2048;
const BYTES = 16 * 1024 * 1024;
/** For a rule near its budget, in one question. */
const OWED_KEYS = 512;
const NO_KEY: TakeAsk = { keys: 0, bytes: 0, slot: undefined };
/** Keys that came this recently need no confirmation: if the worker is busy, the question would take as long. */
const FRESH_MS = 20;
const NO_RING: RingFill = { keys: 0, bytes: 0, capacityBytes: 0, dropped: 0 };
/** Sizes that wait to be reported. */
const MOST_LEARNED = 64;

interface Placed extends Candidate {
  readonly place: BatchKey;
  readonly cameAt: number;
}

interface Wanted {
  readonly most: number;
  readonly mostBytes: number;
  readonly resolve: (taken: readonly Candidate[]) => void;
}

interface Doubted {
  readonly places: readonly BatchKey[];
  readonly resolve: (may: (index: number) => boolean) => void;
}

export class RemoteSource implements KeySource {
  stock: readonly RuleStock[] = [];
  ring: RingFill = NO_RING;
  observed = 0;
  private ready: Placed[] = [];
  private wanted: Wanted[] = [];
  private doubted: Doubted[] = [];
  private asked: readonly Doubted[] | undefined;
  private back: BatchKey[] = [];
  private learned: [slot: number, bytes: number][] = [];
  private observe = 0;
  private closed = false;
  /** The question under way also asks for keys. */
  private tookPart = false;
  private askedSlot: number | undefined;

  /** `send` brings the question to the worker; hear() takes the answer. */
  constructor(
    private readonly send: (ask: EvictAsk) => void,
    /** Monotonic milliseconds. */
    private readonly clock: () => number,
    /** Only keys of rules that owe something; undefined: the next keys of all rules. */
    private readonly owed?: Owed,
  ) {}

  /** Asks for the present state, and has this many bytes counted for observing rules. */
  look(observe: number): void {
    this.observe += observe;
    this.ask(true);
  }

  take(most: number, mostBytes: number): Promise<readonly Candidate[]> {
    return new Promise((resolve) => {
      this.wanted.push({ most, mostBytes, resolve });
      this.serve();
      this.ask(false);
    });
  }

  async current<T extends { readonly candidate: Candidate }>(of: readonly T[]): Promise<readonly T[]> {
    const now = this.clock();
    const placed = of.map(({ candidate }) => candidate as Placed);
    if (placed.every(({ cameAt }) => now - cameAt < FRESH_MS)) return of;
    const may = await new Promise<(index: number) => boolean>((resolve) => {
      this.doubted.push({ places: placed.map(({ place }) => place), resolve });
      this.ask(false);
    });
    return of.filter((_, i) => may(i));
  }

  again(candidate: Candidate): void {
    this.back.push((candidate as Placed).place);
    this.ask(false);
  }

  learn(slot: number, bytes: number): void {
    if (this.learned.length < MOST_LEARNED) this.learned.push([slot, bytes]);
  }

  /** The worker's answer. */
  hear({ confirmed, batch, observed, stock, ring }: EvictAnswer): void {
    const asked = this.asked ?? [];
    this.asked = undefined;
    this.stock = stock;
    this.ring = ring;
    this.observed = observed;
    let at = 0;
    for (const { places, resolve } of asked) {
      const first = at;
      at += places.length;
      resolve((i) => confirmed[first + i] === 1);
    }
    if (batch !== undefined) this.came(unpack(batch, this.clock()));
    else if (this.askedSlot !== undefined) this.owed?.took(this.askedSlot, 0);
    this.serve();
    // The worker has none, so nobody waits for any.
    if (batch === undefined && this.tookPart) for (const { resolve } of this.wanted.splice(0)) resolve([]);
    this.ask(false);
  }

  /** The worker is gone. */
  close(): void {
    this.closed = true;
    this.ready = [];
    this.stock = [];
    this.ring = NO_RING;
    for (const { resolve } of this.wanted.splice(0)) resolve([]);
    for (const { resolve } of [...(this.asked ?? []), ...this.doubted.splice(0)]) resolve(() => false);
    this.asked = undefined;
  }

  private came(keys: readonly Placed[]): void {
    this.ready.push(...keys);
    for (const { slot, bytes } of keys) this.owed?.took(slot, bytes || LIKELY_BYTES);
  }

  private serve(): void {
    const { wanted, ready } = this;
    while (wanted.length > 0 && ready.length > 0) {
      const { most, mostBytes, resolve } = wanted.shift() as Wanted;
      let bytes = 0;
      let count = 0;
      while (count < ready.length && count < most && (bytes < mostBytes || count === 0)) {
        bytes += ready[count++].bytes;
      }
      resolve(ready.splice(0, count));
    }
  }

  private ask(look: boolean): void {
    if (this.closed) {
      this.close();
      return;
    }
    if (this.asked !== undefined) return;
    const { wanted, doubted, back, observe, learned } = this;
    if (!look && wanted.length === 0 && doubted.length === 0 && back.length === 0) return;
    const take = wanted.length > 0 ? this.wish : undefined;
    this.asked = doubted;
    this.tookPart = take !== undefined;
    this.askedSlot = take?.slot;
    this.doubted = [];
    this.back = [];
    this.learned = [];
    this.observe = 0;
    const purpose = this.owed === undefined ? 'memory' : 'budgets';
    const confirm = this.asked.flatMap(({ places }) => places);
    this.send({ purpose, again: back, confirm, take, observe, learned });
  }

  private get wish(): TakeAsk {
    const { owed } = this;
    const next = owed?.next();
    if (owed === undefined) return { keys: KEYS, bytes: BYTES, slot: undefined };
    return next === undefined ? NO_KEY : { keys: OWED_KEYS, ...next };
  }
}

function unpack({ batch, keys, ends, dbs, slots, bytes, ages }: PackedKeys, now: number): Placed[] {
  return Array.from(ends, (end, i) => ({
    key: keys.subarray(i === 0 ? 0 : ends[i - 1], end),
    db: dbs[i],
    slot: slots[i],
    bytes: bytes[i],
    at: now - ages[i],
    place: [batch, i],
    cameAt: now,
  }));
}
