// From a sample of the keys to all of them: estimates, and between which bounds the truth lies nineteen times of twenty.
// Pure. A share of keys is bounded by Wilson's interval; bytes by the normal one of a mean, with two amends for the few
// huge keys that a sample meets or misses: what the sample holds itself is certain, and what the server uses beyond the
// estimate of the whole may be in keys of any group.

export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** 95 %. */
const Z = 1.96;

export interface Sample {
  /** Of all keys. */
  readonly population: number;
  /** How many were looked at. */
  readonly sampled: number;
}

export function exactly(value: number): Estimate {
  return { estimate: value, low: value, high: value };
}

/** How many of the population are as `found` of the sample are. */
export function estimateCount({ population, sampled }: Sample, found: number): Estimate {
  if (sampled >= population || sampled === 0) return exactly(found);
  const share = found / sampled;
  const z2 = (Z * Z * (1 - sampled / population)) / sampled;
  const middle = (share + z2 / 2) / (1 + z2);
  const half = Math.sqrt(z2 * share * (1 - share) + (z2 * z2) / 4) / (1 + z2);
  return {
    estimate: share * population,
    low: Math.max(found, (middle - half) * population),
    high: Math.max(found, (middle + half) * population),
  };
}

export interface ByteSums {
  readonly bytes: number;
  readonly squares: number;
}

/** @param hidden bytes that the server holds and that the estimate of all groups together does not explain */
export function estimateBytes({ population, sampled }: Sample, sums: ByteSums, hidden: number): Estimate {
  const { bytes, squares } = sums;
  if (sampled >= population || sampled === 0) return exactly(bytes);
  const mean = bytes / sampled;
  const variance = Math.max(0, squares / sampled - mean * mean) * (sampled / Math.max(1, sampled - 1));
  const error = Z * population * Math.sqrt((variance / sampled) * (1 - sampled / population));
  const estimate = mean * population;
  return { estimate, low: Math.max(bytes, estimate - error), high: estimate + error + Math.max(0, hidden) };
}
