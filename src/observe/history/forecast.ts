// Forecasts when memory will be full: a line through the readings of the last minutes, continued. Pure.
// docs/FORECAST.md explains method and error to operators: keep it true.
// Invariants: there is no forecast unless growth stands out of the scatter; a time is never below 0; a higher mark is never
// reached earlier than a lower one.
import { type Point, robustSlope } from './slope.js';

/** The window of readings: long enough to average the scatter, short enough to see a change. */
export const WINDOW_SECONDS = 120;
/** A shorter time of readings gives no forecast. */
const LEAST_SECONDS = 10;
const LEAST_POINTS = 8;
/** The most points that are used, evenly spaced, because the cost grows with their square. */
const MOST_POINTS = 60;

export interface Growth {
  /** Bytes a second, by which memory grew; negative: it shrank. */
  readonly bytesPerSecond: number;
  /** The 95% confidence interval. */
  readonly lowBytesPerSecond: number;
  readonly highBytesPerSecond: number;
  /** The time over which it was measured. */
  readonly overSeconds: number;
}

export interface TimeTo {
  /** Seconds from now; 0: already reached; null: never at this rate. */
  readonly seconds: number | null;
  /** At the fastest and at the slowest growth within the confidence interval; null: never at the slowest. */
  readonly soonestSeconds: number | null;
  readonly latestSeconds: number | null;
}

/** Growth over the last WINDOW_SECONDS of `points` (seconds, bytes; in order); null: too few points. */
export function measureGrowth(points: readonly Point[]): Growth | null {
  const last = points.at(-1);
  if (last === undefined) return null;
  const recent = thin(points.filter(({ at }) => at >= last.at - WINDOW_SECONDS));
  const overSeconds = last.at - recent[0].at;
  if (recent.length < LEAST_POINTS || overSeconds < LEAST_SECONDS) return null;
  const slope = robustSlope(recent);
  if (slope === undefined) return null;
  return {
    bytesPerSecond: slope.slope,
    lowBytesPerSecond: slope.low,
    highBytesPerSecond: slope.high,
    overSeconds,
  };
}

/** Samples this far apart in time have nothing in common. */
const SAMPLES_LAST_SECONDS = 20;

/** Share of the growth that passes when memory has this many bytes: the rest is refused. */
export type Passing = (bytes: number) => number;

/** The way to a mark is computed in this many steps. */
const STEPS = 200;
/** Less of the growth than this counts as none: it is within the error of the rates. */
const LEAST_PASSING = 0.005;

/**
 * When `now` bytes will have become `mark` bytes. `errorBytes`: half of the 95% confidence interval of `now`, and of the values
 * that growth was measured from, if these are estimates. `passing`: absent: all of the growth.
 */
export function timeTo(
  mark: number,
  now: number,
  growth: Growth | null,
  errorBytes = 0,
  passing?: Passing,
): TimeTo {
  if (now >= mark) return { seconds: 0, soonestSeconds: 0, latestSeconds: 0 };
  if (growth === null || growth.lowBytesPerSecond <= 0) {
    return { seconds: null, soonestSeconds: null, latestSeconds: null };
  }
  // The standard error of a line's slope, with as many independent points as the time has independent samples.
  const independent = Math.max(1, growth.overSeconds / SAMPLES_LAST_SECONDS);
  const slopeError = (errorBytes * Math.sqrt(12 / independent)) / growth.overSeconds;
  const slowest = growth.lowBytesPerSecond - slopeError;
  const seconds = (from: number, bytesPerSecond: number): number | null =>
    from >= mark ? 0 : finite(wanted(from, mark, passing) / bytesPerSecond);
  return {
    seconds: seconds(now, growth.bytesPerSecond),
    soonestSeconds: seconds(now + errorBytes, growth.highBytesPerSecond + slopeError),
    latestSeconds: slowest > 0 ? seconds(now - errorBytes, slowest) : null,
  };
}

/** Bytes of demand until memory has grown from one to the other; Infinity: it never does. */
function wanted(from: number, to: number, passing: Passing | undefined): number {
  if (passing === undefined) return to - from;
  const step = (to - from) / STEPS;
  let sum = 0;
  for (let i = 0; i < STEPS; i++) {
    const share = passing(from + (i + 0.5) * step);
    if (share < LEAST_PASSING) return Number.POSITIVE_INFINITY;
    sum += step / share;
  }
  return sum;
}

function finite(seconds: number): number | null {
  return Number.isFinite(seconds) ? seconds : null;
}

function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const step = (points.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round(i * step)]);
}
