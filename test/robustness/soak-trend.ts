// Whether a row of samples is flat: the slope of the straight line nearest to its last two thirds. Pure.

export interface Sample {
  readonly minute: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** By how much `read` rises in a minute over the last two thirds of the samples, by least squares. */
export function slopeAMinute(samples: readonly Sample[], read: (sample: Sample) => number): number {
  const late = samples.slice(Math.floor(samples.length / 3));
  const mean = (of: (sample: Sample) => number): number =>
    late.reduce((sum, sample) => sum + of(sample), 0) / late.length;
  const [meanMinute, meanValue] = [mean(({ minute }) => minute), mean(read)];
  const rise = mean((sample) => (sample.minute - meanMinute) * (read(sample) - meanValue));
  const run = mean(({ minute }) => (minute - meanMinute) ** 2);
  return run === 0 ? 0 : rise / run;
}
