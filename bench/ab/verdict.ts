// Old against new: what the ratios of several rounds say. Two processes of the old one are as good as each other, so both
// are compared with the (geometric) mean of the two, and so is the new one. Pure.
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

/** Rates by round, as many of each. @throws RangeError without any, or when not as many. */
export function judge(rates: Rates): Verdict {
  const oldAgainByOld = ratios(rates.oldAgain, rates.old);
  const base = rates.old.map((rate, round) => rate * Math.sqrt(oldAgainByOld[round] as number));
  const newByOld = spread(ratios(rates.new, base));
  const oldByItself = spread([...ratios(rates.old, base), ...ratios(rates.oldAgain, base)]);
  const slower = newByOld.median < SLOWER && newByOld.median < oldByItself.min;
  return { newByOld, oldByItself, slower };
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
