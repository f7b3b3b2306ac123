// Keys that are measured individually, again and again: those that hold much of the server's memory, and of each rule some that
// are often written. Random keys say too little about the first kind; the second kind shows whether writes make the keys of a
// rule grow. The statistics pick often written keys: the key that receives each EVERY-th byte (stats/written-picks).
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: at most MOST keys, PER_RULE of a rule beside large ones; a key that is not large and is not picked again gives
// way.

export interface TrackedKey<G> {
  readonly group: G;
  readonly key: Buffer;
  /** Unknown: it is asked for in each database. */
  db: number | undefined;
  bytes: number;
  expiring: boolean;
  readonly enteredAt: number;
  pickedAt: number;
  /** When it was last asked for, and measured. */
  askedAt: number;
  measuredAt: number;
  /** Earlier measurements. Growth counts from the first, which the second replaces after a while. */
  baseBytes: number;
  baseAt: number;
  laterBytes: number;
  laterAt: number;
}

/** How much the measured keys of a group have grown, and how large they were before. */
export interface TrackedGrowth {
  readonly baseBytes: number;
  readonly grownBytes: number;
}

const MOST = 512;
const PER_RULE = 8;
const AGAIN_MS = 5000;
/** A write that was picked has come to the server. */
const SETTLED_MS = 300;
/** A key is measured for this time before another one takes its place. */
const KEPT_MS = 20_000;
/** Growth counts over at least this time, and up to twice that. */
const SHORTEST_MS = 8000;
const BASE_MS = 30_000;
const STALE_MS = 60_000;

export class TrackedKeys<G> {
  /** A key of this many bytes holds much. */
  largeBytes = Number.POSITIVE_INFINITY;
  private readonly keys = new Map<string, TrackedKey<G>>();

  get size(): number {
    return this.keys.size;
  }

  get all(): Iterable<TrackedKey<G>> {
    return this.keys.values();
  }

  clear(): void {
    this.keys.clear();
  }

  /** A key of `group` that is often written. */
  pick(group: G, key: Buffer, now: number): void {
    const name = key.toString('latin1');
    const known = this.keys.get(name);
    if (known !== undefined) {
      known.pickedAt = now;
      return;
    }
    const others = [...this.keys.values()].filter(
      (one) => one.group === group && one.bytes < this.largeBytes,
    );
    if (others.length < PER_RULE || this.makeRoom(others, now)) this.enter(name, blank(group, key, now), now);
  }

  /** A key turned out to hold much. */
  seen(group: G, key: Buffer, db: number, bytes: number, expiring: boolean, now: number): void {
    const name = key.toString('latin1');
    const known = this.keys.get(name) ?? blank(group, key, now);
    known.db ??= db;
    take(known, bytes, expiring, now);
    if (!this.keys.has(name)) this.enter(name, known, now);
  }

  /** Up to `most` keys to measure now, those with the longest wait first. */
  due(most: number, now: number): TrackedKey<G>[] {
    const due = [...this.keys.values()].filter(
      ({ askedAt, enteredAt }) => now - askedAt >= AGAIN_MS && now - enteredAt >= SETTLED_MS,
    );
    due.sort((a, b) => a.askedAt - b.askedAt);
    for (const key of due.slice(0, most)) key.askedAt = now;
    return due.slice(0, most);
  }

  /** The server's answer for a key that was due; -1: it is gone. */
  measured(key: TrackedKey<G>, db: number | undefined, bytes: number, expiring: boolean, now: number): void {
    if (bytes < 0) {
      this.keys.delete(key.key.toString('latin1'));
      return;
    }
    key.db = db;
    take(key, bytes, expiring, now);
  }

  /** The keys that hold much. */
  large(): TrackedKey<G>[] {
    return [...this.keys.values()].filter(({ bytes }) => bytes >= this.largeBytes);
  }

  /** undefined: none was measured for long enough. */
  growthOf(group: G, now: number): TrackedGrowth | undefined {
    let baseBytes = 0;
    let grownBytes = 0;
    for (const key of this.keys.values()) {
      if (key.group !== group || now - key.measuredAt > STALE_MS) continue;
      if (!(key.measuredAt - key.baseAt >= SHORTEST_MS)) continue;
      baseBytes += key.baseBytes;
      grownBytes += key.bytes - key.baseBytes;
    }
    return baseBytes === 0 ? undefined : { baseBytes, grownBytes };
  }

  private enter(name: string, key: TrackedKey<G>, now: number): void {
    if (this.keys.size < MOST || this.makeRoom([...this.keys.values()], now)) this.keys.set(name, key);
  }

  /** Removes the key that was picked longest ago, if it has been here for long enough and does not hold much. */
  private makeRoom(among: readonly TrackedKey<G>[], now: number): boolean {
    const old = among.filter(({ bytes, enteredAt }) => bytes < this.largeBytes && now - enteredAt >= KEPT_MS);
    const [first] = old;
    if (first === undefined) return false;
    const oldest = old.reduce((a, b) => (b.pickedAt < a.pickedAt ? b : a), first);
    return this.keys.delete(oldest.key.toString('latin1'));
  }
}

function take<G>(key: TrackedKey<G>, bytes: number, expiring: boolean, now: number): void {
  key.bytes = bytes;
  key.expiring = expiring;
  key.measuredAt = now;
  if (now - key.laterAt < BASE_MS) return;
  const first = key.laterAt === Number.NEGATIVE_INFINITY;
  key.baseBytes = first ? bytes : key.laterBytes;
  key.baseAt = first ? now : key.laterAt;
  key.laterBytes = bytes;
  key.laterAt = now;
}

function blank<G>(group: G, key: Buffer, now: number): TrackedKey<G> {
  const never = Number.NEGATIVE_INFINITY;
  return {
    ...{ group, key, db: undefined, bytes: 0, expiring: false, enteredAt: now, pickedAt: now },
    ...{ askedAt: never, measuredAt: never, baseBytes: 0, baseAt: never, laterBytes: 0, laterAt: never },
  };
}
