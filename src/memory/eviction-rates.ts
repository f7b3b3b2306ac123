// How many keys the server evicts in a second, and how many of its reads find a key, over the last half minute, from its own
// counters. Pure. Invariant: no rate is negative; counters that go back (a restart, CONFIG RESETSTAT) start anew.
import type { ServerCounters } from './reading.js';

const OVER_MS = 30_000;
/** With fewer evicted keys a second, how long keys live is unknown. */
export const LEAST_EVICTED = 0.1;

interface Mark extends ServerCounters {
  readonly at: number;
}

export class EvictionRates {
  private readonly marks: Mark[] = [];

  take(counters: ServerCounters, now: number): void {
    const { marks } = this;
    const last = marks.at(-1);
    const isBack =
      last !== undefined &&
      (counters.evictedKeys < last.evictedKeys || counters.hits < last.hits || counters.misses < last.misses);
    if (isBack) marks.length = 0;
    marks.push({ ...counters, at: now });
    // One mark before the window stays, so that the whole window is covered.
    while (marks.length > 2 && now - marks[1].at >= OVER_MS) marks.shift();
  }

  get evictedPerSecond(): number {
    return this.rate('evictedKeys');
  }

  get hitsPerSecond(): number {
    return this.rate('hits');
  }

  get missesPerSecond(): number {
    return this.rate('misses');
  }

  private rate(counter: keyof ServerCounters): number {
    const [first, last] = [this.marks.at(0), this.marks.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return (1000 * (last[counter] - first[counter])) / (last.at - first.at);
  }
}
