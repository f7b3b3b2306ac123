// Runs all lanes in turn, a batch of fresh cases at a time, until enough were run or time is up. Counts what went in;
// keeps the first failures of each kind, made small. Same seed, same cases, in the same order.
import type { FuzzCase } from './fuzz-case.js';
import { LANES } from './lanes.js';
import { Random } from './random.js';
import { failureOf, kindOf, shrink } from './shrink.js';

export interface Failure {
  /** Seed of the case as it was drawn: `LANE.draw(seed)`. */
  readonly seed: number;
  readonly message: string;
  /** The smallest case found that fails alike. */
  readonly case: FuzzCase;
}

export interface Tally {
  cases: number;
  requests: number;
  replies: number;
  failed: number;
  readonly failures: Failure[];
}

export interface Limits {
  readonly seed: number;
  /** Requests and replies together. */
  readonly items: number;
  readonly milliseconds: number;
  /** Called after each batch. */
  readonly progress?: (tally: Tally) => void;
}

const BATCH = 100;
const KEPT_OF_A_KIND = 2;

export function runLanes({ seed, items, milliseconds, progress }: Limits): Tally {
  const tally: Tally = { cases: 0, requests: 0, replies: 0, failed: 0, failures: [] };
  const seeds = new Random(seed);
  const kinds = new Map<string, number>();
  const started = performance.now();
  while (tally.requests + tally.replies < items && performance.now() - started < milliseconds) {
    for (const lane of LANES) {
      for (let i = 0; i < BATCH; i++) {
        const caseSeed = seeds.next() >>> 1;
        const drawn = lane.draw(caseSeed);
        tally.cases++;
        tally.requests += drawn.requests;
        tally.replies += drawn.replies;
        const message = failureOf(lane, drawn.case);
        if (message === undefined) continue;
        tally.failed++;
        const kind = `${lane.name} ${kindOf(message)}`;
        const known = kinds.get(kind) ?? 0;
        kinds.set(kind, known + 1);
        if (known >= KEPT_OF_A_KIND) continue;
        tally.failures.push({ seed: caseSeed, message, case: shrink(lane, drawn.case, message) });
      }
    }
    progress?.(tally);
  }
  return tally;
}
