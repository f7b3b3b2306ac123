// From a sample of the keys to all of them: estimates, and between which bounds the truth lies nineteen times of twenty.
// Pure. A share of keys is bounded by Wilson's interval; bytes by the normal one of a mean, and by what the server uses.

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

function exactly(value: number): Estimate {
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

/**
 * Bytes of a group. What one sample cannot tell, the rest does: the group holds no more than what is known of all, less
 * the least that all others hold. So few huge keys that the sample missed are reckoned with.
 * @param all the sums of all groups together
 * @param known bytes of all keys, as far as the server tells
 */
export function estimateBytes(sample: Sample, own: ByteSums, all: ByteSums, known: number): Estimate {
  const { population, sampled } = sample;
  if (sampled >= population || sampled === 0) return exactly(own.bytes);
  const { estimate, low, high } = normal(sample, own);
  const others = { bytes: all.bytes - own.bytes, squares: all.squares - own.squares };
  return { estimate, low, high: Math.max(high, known - normal(sample, others).low) };
}

/** The mean's interval; what the sample holds itself is certain. */
function normal({ population, sampled }: Sample, { bytes, squares }: ByteSums): Estimate {
  const mean = bytes / sampled;
  const variance = Math.max(0, squares / sampled - mean * mean) * (sampled / Math.max(1, sampled - 1));
  const error = Z * population * Math.sqrt((variance / sampled) * (1 - sampled / population));
  const estimate = mean * population;
  return { estimate, low: Math.max(bytes, estimate - error), high: estimate + error };
}
