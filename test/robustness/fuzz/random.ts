// Random numbers for the fuzz runs: fast, seeded, the same on every machine (xorshift32 behind a murmur finaliser).
// Never used for anything but tests. Invariant: the state is never 0, where the generator would stay.

export class Random {
  private state: number;

  constructor(seed: number) {
    let mixed = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    this.state = mixed ^ (mixed >>> 16) || 0x1d872b41;
  }

  /** 0 … 2^32 - 1. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** 0 … limit - 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** True in about one of `n` cases. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

/** The seed of a run: SPILLWAY_SEED to repeat one, else a fresh one. Print it. */
export function runSeed(): number {
  const given = Number(process.env.SPILLWAY_SEED ?? Number.NaN);
  return Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 31);
}
