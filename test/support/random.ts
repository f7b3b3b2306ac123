// Numbers that a seed decides, for estimates whose failures must be known.

/** Numbers from 0 (included) to 1 (not): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The size of a value: 300 bytes in the median, unless another one is given; 20 to 60,000. */
export function lognormal(random: () => number, sigma: number, median = 300): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(60_000, Math.max(20, Math.round(median * Math.exp(sigma * normal))));
}
