// The middle of repeated measurements: what the benchmarks report, so that one disturbed round changes nothing.

/** Of an even number of values, the mean of the two in the middle. @throws RangeError without any value. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
