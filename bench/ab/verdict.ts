// Old against new: what the ratios of several rounds say. Pure.
import { median } from '../../test/support/median.js';
import { ratios } from '../throughput/results.js';

/** So much slower in the middle, and slower than the old one ever was against itself: then it counts. */
const SLOWER = 0.97;

export interface Rates {
  readonly old: readonly number[];
  /** Another process of the old one: what differs from it is chance. */
  readonly oldAgain: readonly number[];
  readonly new: readonly number[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Verdict {
  readonly newByOld: Spread;
  readonly oldByItself: Spread;
  readonly slower: boolean;
}

/** Rates by round, as many of each. @throws RangeError without any. */
export function judge(rates: Rates): Verdict {
  const newByOld = spread(ratios(rates.new, rates.old));
  const oldByItself = spread(ratios(rates.oldAgain, rates.old));
  return {
    newByOld,
    oldByItself,
    slower: newByOld.median < SLOWER && newByOld.median < oldByItself.min,
  };
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
