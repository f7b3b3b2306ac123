// When memory will be full, if it goes on as it did: a line through the last minutes, continued. Pure.
// Method and error are explained to operators in docs/FORECAST.md: keep that true.
// Invariants: no time without growth that stands out of the scatter; a time is never below 0; a higher mark is never
// reached earlier than a lower one.
import { type Point, robustSlope } from './slope.js';

/** What is looked back upon: long enough to see through scatter, short enough to see a change. */
export const WINDOW_SECONDS = 120;
/** Less than so much is no ground for a forecast. */
const LEAST_SECONDS = 10;
const LEAST_POINTS = 8;
/** Of more points, so many are taken, evenly: slopes between all pairs cost the square. */
const MOST_POINTS = 60;

export interface Growth {
  /** Bytes a second, by which memory grew; negative: it shrank. */
  readonly bytesPerSecond: number;
  /** The interval that it is in with 95 %. */
  readonly lowBytesPerSecond: number;
  readonly highBytesPerSecond: number;
  /** Over how long that was measured. */
  readonly overSeconds: number;
}

export interface TimeTo {
  /** Seconds from now; 0: it is there. null: not at all at this rate. */
  readonly seconds: number | null;
  /** At the fastest and at the slowest growth that the measurement leaves possible; null: never at the slowest. */
  readonly soonestSeconds: number | null;
  readonly latestSeconds: number | null;
}

/** Growth over the last WINDOW_SECONDS of `points` (seconds, bytes; in order); null while they tell too little. */
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

/** When `now` bytes will have become `mark` bytes. */
export function timeTo(mark: number, now: number, growth: Growth | null): TimeTo {
  if (now >= mark) return { seconds: 0, soonestSeconds: 0, latestSeconds: 0 };
  if (growth === null || growth.lowBytesPerSecond <= 0) {
    return { seconds: null, soonestSeconds: null, latestSeconds: null };
  }
  const at = (rate: number) => (mark - now) / rate;
  return {
    seconds: at(growth.bytesPerSecond),
    soonestSeconds: at(growth.highBytesPerSecond),
    latestSeconds: at(growth.lowBytesPerSecond),
  };
}

function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const step = (points.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round(i * step)]);
}
