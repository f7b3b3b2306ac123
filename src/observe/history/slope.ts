// The slope of a series, in which single jumps (a client's buffers, a key that is replaced) hardly count: the median of the
// slopes between all pairs of points, with its confidence interval (P. K. Sen, "Estimates of the regression coefficient based
// on Kendall's tau", 1968). Pure.
// Invariant: low <= slope <= high.

export interface Point {
  /** In the unit of time of the slope, such as seconds. */
  readonly at: number;
  readonly value: number;
}

export interface Slope {
  readonly slope: number;
  /** The 95% confidence interval, if the points scatter independently of each other. */
  readonly low: number;
  readonly high: number;
}

/** 95% of a normal distribution lie within this many standard deviations. */
const Z = 1.96;

/** undefined: there are no two points at different times. Takes n² / 2 steps, so pass at most some hundred points. */
export function robustSlope(points: readonly Point[]): Slope | undefined {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const elapsed = points[j].at - points[i].at;
      if (elapsed !== 0) slopes.push((points[j].value - points[i].value) / elapsed);
    }
  }
  if (slopes.length === 0) return undefined;
  slopes.sort((a, b) => a - b);
  const n = points.length;
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const last = slopes.length - 1;
  const at = (rank: number) => slopes[Math.min(last, Math.max(0, Math.round(rank)))];
  return { slope: median(slopes), low: at((last - spread) / 2), high: at((last + spread) / 2) };
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
