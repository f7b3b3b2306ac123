// Estimates for all keys from a sample, with the bounds of the 95% confidence interval. Pure.
// Shares of keys use Wilson's interval; bytes use the normal interval of a mean, bounded by the memory that the server uses.

export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** 95%. */
const Z = 1.96;

export interface Sample {
  /** All keys. */
  readonly population: number;
  /** Keys in the sample. */
  readonly sampled: number;
}

function exactly(value: number): Estimate {
  return { estimate: value, low: value, high: value };
}

/** Estimates a count in the population from the count `found` in the sample. */
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

/**
 * Bytes of a group. A sample can miss a few huge keys. So the upper bound allows for them: the group may hold all known
 * bytes, less the lower bound of all other groups.
 * @param all the sums of all groups together
 * @param known bytes of all keys, according to INFO
 */
export function estimateBytes(sample: Sample, own: ByteSums, all: ByteSums, known: number): Estimate {
  const { population, sampled } = sample;
  if (sampled >= population || sampled === 0) return exactly(own.bytes);
  const { estimate, low, high } = normal(sample, own);
  const others = { bytes: all.bytes - own.bytes, squares: all.squares - own.squares };
  return { estimate, low, high: Math.max(high, known - normal(sample, others).low) };
}

/** The interval of the mean. The bytes in the sample itself are certain. */
function normal({ population, sampled }: Sample, { bytes, squares }: ByteSums): Estimate {
  const mean = bytes / sampled;
  const variance = Math.max(0, squares / sampled - mean * mean) * (sampled / Math.max(1, sampled - 1));
  const error = Z * population * Math.sqrt((variance / sampled) * (1 - sampled / population));
  const estimate = mean * population;
  return { estimate, low: Math.max(bytes, estimate - error), high: estimate + error };
}
