// One process of the full fuzz run: runs its share of the lanes, reports as it goes, and how its heap has fared.
// Started by fuzz-full.ts with `--expose-gc`; takes its limits by message, answers by messages, then ends.
import { encodeCase } from './fuzz-case.js';
import { LANES } from './lanes.js';
import { runLanes, type Tally } from './run-lanes.js';

export interface Share {
  readonly seed: number;
  readonly items: number;
  readonly milliseconds: number;
}

export interface Report {
  readonly requests: number;
  readonly replies: number;
  readonly cases: number;
  readonly failed: number;
  /** Only in the last one. */
  readonly end?: {
    readonly heapBefore: number;
    readonly heapAfter: number;
    readonly failures: readonly { readonly message: string; readonly encoded: string }[];
  };
}

/** What comes before the heap is looked at for the first time: code is compiled, set-ups are built. */
const WARM_UP_CASES = 300;

process.once('message', ({ seed, items, milliseconds }: Share) => {
  for (const lane of LANES) for (let i = 0; i < WARM_UP_CASES; i++) lane.draw(i);
  runLanes({ seed: seed + 1, items: 50_000, milliseconds });
  const heapBefore = usedHeap();
  let reported = performance.now();
  const tally = runLanes({
    ...{ seed, items, milliseconds },
    progress: (soFar) => {
      if (performance.now() - reported < 2000) return;
      reported = performance.now();
      process.send?.(numbersOf(soFar));
    },
  });
  const failures = tally.failures.map(({ message, case: small }) => ({
    message,
    encoded: encodeCase(small, message),
  }));
  const end: Report = { ...numbersOf(tally), end: { heapBefore, heapAfter: usedHeap(), failures } };
  process.send?.(end, () => process.disconnect());
});

function numbersOf({ requests, replies, cases, failed }: Tally): Report {
  return { requests, replies, cases, failed };
}

function usedHeap(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}
