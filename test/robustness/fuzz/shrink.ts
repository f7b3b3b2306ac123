// Makes a failing case small: takes away ever smaller parts of its streams, and tries simpler ways of playing it, as
// long as it fails with the same kind of error. Bounded, so that a large case costs seconds, not the run.
import type { FuzzCase, Lane } from './fuzz-case.js';

const MOST_TRIES = 4000;
const SEEDS_TRIED = 40;

/** The error that the case fails with, undefined when it passes. */
export function failureOf(lane: Lane, fuzzCase: FuzzCase): string | undefined {
  try {
    lane.check(fuzzCase);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Two errors are of one kind when they begin alike: offsets and bytes come later in a message. */
export function kindOf(message: string): string {
  return message.replace(/[0-9"].*/s, '');
}

export function shrink(lane: Lane, failing: FuzzCase, message: string): FuzzCase {
  const kind = kindOf(message);
  let tries = 0;
  let smallest = failing;
  const keep = (candidate: FuzzCase): boolean => {
    if (++tries > MOST_TRIES) return false;
    const failure = failureOf(lane, candidate);
    if (failure === undefined || kindOf(failure) !== kind) return false;
    smallest = candidate;
    return true;
  };
  for (let before = -1; before !== sizeOf(smallest) && tries < MOST_TRIES; ) {
    before = sizeOf(smallest);
    for (let i = 0; i < smallest.streams.length; i++) shrinkStream(i, () => smallest, keep);
    for (let seed = 0; seed < SEEDS_TRIED && smallest.seed >= SEEDS_TRIED; seed++)
      keep({ ...smallest, seed });
    for (let i = smallest.owed.length - 3; i >= 0; i -= 3) {
      keep({ ...smallest, owed: [...smallest.owed.slice(0, i), ...smallest.owed.slice(i + 3)] });
    }
  }
  return smallest;
}

function shrinkStream(i: number, current: () => FuzzCase, keep: (candidate: FuzzCase) => boolean): void {
  const without = (from: number, to: number): FuzzCase => {
    const { streams } = current();
    const rest = Buffer.concat([streams[i].subarray(0, from), streams[i].subarray(to)]);
    return { ...current(), streams: streams.map((stream, j) => (j === i ? rest : stream)) };
  };
  for (let size = current().streams[i].length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < current().streams[i].length; ) {
      if (!keep(without(from, from + size))) from += size;
    }
  }
}

function sizeOf({ streams, owed }: FuzzCase): number {
  return streams.reduce((sum, { length }) => sum + length, owed.length);
}
