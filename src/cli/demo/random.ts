// Repeatable pseudo-random numbers, so that both sides of a comparison get the same work. Not for secrets.

export type Random = () => number;

/** Uniform numbers in [0, 1), the same ones for the same seed (Tommy Ettinger's mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Integer in [0, below). */
export function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}
