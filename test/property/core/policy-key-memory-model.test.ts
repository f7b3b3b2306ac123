// KeyMemory beside a plain model of one of its buckets: eight entries, a hand, and a clock that is read at no other time than
// the memory itself reads it. What the memory is worth to a session is judged in policy-key-memory.test.ts; here, that each
// call does to its bucket what the head of the file says.
import fc from 'fast-check';
import t from 'tap';
import {
  ANY_DATABASE,
  KeyMemory,
  sizeOf,
  TtlEffect,
  withoutTtl,
} from '../../../src/core/policy/key-memory.js';
import { INTEGER_CLASS, type Size, SizeClass } from '../../../src/core/policy/size-class.js';

const TICK_MS = 100;
const WAYS = 8;
const STARTED_AT = 1e12 + 0.25;
/** The same bucket for all of them, and the first: the lower 16 bits of a hash choose it. */
const BUCKET = 0;
const KEYS = Array.from({ length: 12 }, (_, i) => Buffer.from(`<${'k'.repeat(i)}${i}>`));

interface Entry {
  key: number;
  size: Size;
  own: boolean;
  /** In ticks; 0: no known TTL. */
  end: number;
  hot: boolean;
}

class Model {
  now = 0;
  /** undefined: void. */
  entries: (Entry | undefined)[] = Array.from({ length: WAYS });
  /** The entry that the hand is at; it begins at the first. */
  private hand = 0;

  private get tick(): number {
    return Math.floor(this.now / TICK_MS);
  }

  /** Ended ones included. */
  private entryOf(key: number): Entry | undefined {
    return this.entries.find((entry) => entry?.key === key);
  }

  private isOver({ end }: Entry): boolean {
    return end !== 0 && end <= this.tick;
  }

  private endOf(lifetimeMs: number): number {
    return Math.min(2 ** 30 - 1, Math.floor((Math.floor(this.now) + lifetimeMs) / TICK_MS));
  }

  living(key: number): Entry | undefined {
    const entry = this.entryOf(key);
    return entry === undefined || this.isOver(entry) ? undefined : entry;
  }

  written(key: number, effect: TtlEffect, lifetimeMs: number, size: Size, ifMissing: boolean): boolean {
    const living = this.living(key);
    const gives = effect !== TtlEffect.NONE && effect !== TtlEffect.KEPT;
    if (living === undefined) {
      const isKnown = gives ? lifetimeMs >= TICK_MS : size !== SizeClass.OTHER;
      const end = gives ? this.endOf(lifetimeMs) : 0;
      if (isKnown) this.enter(key, size, gives && effect !== TtlEffect.GIVEN, end);
      else this.forget(key);
      return false;
    }
    if (ifMissing) return false;
    const had = living.end > 0;
    if (gives && !(effect === TtlEffect.OWN_IF_NONE && had)) {
      if (lifetimeMs < TICK_MS) {
        this.forget(key);
        return false;
      }
      living.own = effect !== TtlEffect.GIVEN;
      living.end = this.endOf(lifetimeMs);
    } else if (effect === TtlEffect.NONE) {
      living.own = false;
      living.end = 0;
    }
    living.size = size;
    living.hot = true;
    return effect === TtlEffect.NONE && had;
  }

  expires(key: number, lifetimeMs: number, ifNone: boolean): void {
    const living = this.living(key);
    if (ifNone && living !== undefined && living.end > 0) return;
    if (lifetimeMs < TICK_MS) this.forget(key);
    else this.enter(key, living?.size ?? SizeClass.OTHER, false, this.endOf(lifetimeMs));
  }

  persists(key: number): void {
    const living = this.living(key);
    if (living === undefined || living.size === SizeClass.OTHER) this.forget(key);
    else {
      living.own = false;
      living.end = 0;
    }
  }

  forget(key: number): void {
    this.entries = this.entries.map((entry) => (entry?.key === key ? undefined : entry));
  }

  /** A key that is there, ended or not, keeps its place. */
  enter(key: number, size: Size, own: boolean, end: number): void {
    const known = this.entryOf(key);
    if (known !== undefined) Object.assign(known, { size, own, end });
    else this.entries[this.place()] = { key, size, own, end, hot: false };
  }

  private place(): number {
    const free = this.entries.findIndex((entry) => entry === undefined || this.isOver(entry));
    if (free >= 0) return free;
    let at = this.hand;
    for (let entry = this.entries[at]; entry?.hot; entry = this.entries[at]) {
      entry.hot = false;
      at = (at + 1) % WAYS;
    }
    this.hand = (at + 1) % WAYS;
    return at;
  }

  clear(): void {
    this.entries.fill(undefined);
    this.hand = 0;
  }
}

class Pair {
  readonly model = new Model();
  readonly memory = new KeyMemory(() => STARTED_AT + this.model.now);

  /** What the memory says of a key. @throws Error when it is not so */
  check(key: number): void {
    const { model, memory } = this;
    const state = memory.find(...at(key), 0);
    const entry = model.living(key);
    const left = entry === undefined || entry.end === 0 ? 0 : entry.end * TICK_MS - model.now;
    const expected = entry && [
      entry.size,
      entry.own ? Math.max(0, left) : 0,
      left === 0 ? 0 : Math.max(1, left),
    ];
    const said = state === 0 ? undefined : [sizeOf(state), memory.ownLeft(state), memory.ttlLeft(state)];
    // The clock is a little after 10^12 ms, where a number has a fraction of 10^-4.
    const isSo = said?.every((each, i) => Math.abs(each - (expected?.[i] ?? Number.NaN)) < 0.01);
    if (!(isSo ?? expected === undefined)) throw new Error(`key ${key} is ${said}, not ${expected}`);
  }
}

function at(key: number): [Uint8Array, number, number, number] {
  const text = KEYS[key] ?? Buffer.alloc(2);
  return [text, 1, text.length - 1, (key << 16) | BUCKET];
}

type Act = (pair: Pair) => void;
const key = fc.nat(KEYS.length - 1);
const lifetime = fc.constantFrom(0, 1, 99, 100, 101, 150, 1000, 60_000, 2 ** 40);
const size = fc.constantFrom<Size>(SizeClass.OTHER, 1 as Size, 5 as Size, INTEGER_CLASS);
const effect = fc.constantFrom(...Object.values(TtlEffect));
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(key, effect, lifetime, size, fc.boolean()).map(
      ([k, ...how]): Act =>
        ({ memory, model }) => {
          const lost = memory.written(...how, ...at(k), 0);
          if (lost !== model.written(k, ...how)) throw new Error(`key ${k} lost a TTL, or not`);
        },
    ),
  },
  {
    // More keys than there is room for, one after the other.
    weight: 2,
    arbitrary: fc.tuple(key, fc.nat(30)).map(
      ([first, count]): Act =>
        ({ memory, model }) => {
          for (let i = 0; i < count; i++) {
            const how = [TtlEffect.KEPT, 0, 5 as Size, false] as const;
            memory.written(...how, ...at((first + i) % KEYS.length), 0);
            model.written((first + i) % KEYS.length, ...how);
          }
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(key, lifetime, fc.boolean()).map(
      ([k, ms, ifNone]): Act =>
        ({ memory, model }) => {
          memory.expires(ms, ifNone, ...at(k), 0);
          model.expires(k, ms, ifNone);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: key.map(
      (k): Act =>
        ({ memory, model }) => {
          memory.persists(...at(k), 0);
          model.persists(k);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: key.map(
      (k): Act =>
        ({ memory, model }) => {
          const had = (model.living(k)?.end ?? 0) > 0;
          if (memory.forget(...at(k), 0) !== had) throw new Error(`key ${k} had a TTL, or not`);
          model.forget(k);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(key, key, fc.boolean()).map(
      ([from, to, keeps]): Act =>
        ({ memory, model }) => {
          const state = memory.find(...at(from), 0);
          const entry = model.living(from);
          memory.put(keeps || state === 0 ? state : withoutTtl(state), ...at(to), 0);
          if (entry === undefined) model.forget(to);
          else if (keeps) model.enter(to, entry.size, entry.own, entry.end);
          else model.enter(to, entry.size, false, 0);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: key.map(
      (k): Act =>
        (pair) =>
          pair.check(k),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(0.5, 1, 49, 99, 99.5, 100, 101, 1000, 60_000).map(
      (ms): Act =>
        ({ model }) => {
          model.now += ms;
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Act>(({ memory, model }) => {
      memory.forgetAll();
      model.clear();
    }),
  },
  {
    weight: 1,
    arbitrary: key.map(
      (k): Act =>
        ({ memory }) => {
          memory.written(TtlEffect.NONE, 0, 5 as Size, false, ...at(k), ANY_DATABASE);
          memory.expires(1000, false, ...at(k), ANY_DATABASE);
          memory.persists(...at(k), ANY_DATABASE);
          memory.put(0, ...at(k), ANY_DATABASE);
          if (memory.forget(...at(k), ANY_DATABASE) || memory.find(...at(k), ANY_DATABASE) !== 0)
            throw new Error('nothing is known where the database is not');
        },
    ),
  },
);

t.test('each call does to a bucket what it does to the model', { timeout: 60_000 }, async () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 120, size: 'max' }), (acts) => {
      const pair = new Pair();
      for (const each of acts) each(pair);
      for (const k of KEYS.keys()) pair.check(k);
    }),
    { numRuns: 150 },
  );
});
