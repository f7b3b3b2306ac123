// The faults that a link is given, by name: those that only trouble a connection, and those that cut it.
// Figures are such that each shows many times in a few thousand commands, and none takes more than a few seconds.
import type { Toxics } from '../../support/faulty-lane.js';
import type { LinkToxics } from '../../support/faulty-link.js';
import type { LoadShape } from './load.js';

export interface Scenario {
  readonly name: string;
  readonly side: 'client' | 'upstream' | 'both';
  readonly toxics: LinkToxics;
  /** Whether connections break. */
  readonly cuts: boolean;
  readonly load: LoadShape;
}

const FINE = 'slicer';
const BACKLOG = 'backlog';
const USUAL: LoadShape = { clients: 16, depth: 100, large: 2 };
/** Cut very fine, large values would be nearly all there is; and many fill the kernel's buffers. */
const UNUSUAL: Readonly<Record<string, LoadShape>> = {
  [FINE]: { ...USUAL, large: 0 },
  [BACKLOG]: { clients: 8, depth: 150, large: 15 },
};

const TROUBLING: Readonly<Record<string, Toxics>> = {
  'no fault': {},
  latency: { latency: { ms: 3 } },
  jitter: { latency: { ms: 2, jitterMs: 2 } },
  [FINE]: { slicer: { bytes: 40 } },
  'coarse slicer, with pauses': { slicer: { bytes: 2000, delayMs: 1 } },
  bandwidth: { bandwidth: { bytesPerSecond: 500_000 } },
  stall: { stall: { everyBytes: 30_000, ms: 30 } },
  [BACKLOG]: { stall: { everyBytes: 30_000, ms: 20 } },
  'slow close': { slowClose: { ms: 10 } },
  'all of these': {
    latency: { ms: 1, jitterMs: 1 },
    slicer: { bytes: 3000 },
    bandwidth: { bytesPerSecond: 3_000_000 },
    stall: { everyBytes: 100_000, ms: 15 },
    slowClose: { ms: 3 },
  },
};

const CUTTING: Readonly<Record<string, Toxics>> = {
  reset: { resetPeer: { afterBytes: 40_000 } },
  'limited data': { limitData: { afterBytes: 40_000 } },
  'half-close': { halfClose: { afterBytes: 40_000 } },
  timeout: { timeout: { afterBytes: 40_000, ms: 20 } },
  'reset among slices': { slicer: { bytes: 100 }, resetPeer: { afterBytes: 15_000 } },
};

/** Every trouble on either side and on both. */
export const TROUBLES: readonly Scenario[] = Object.entries(TROUBLING).flatMap(([name, lane]) =>
  (['client', 'upstream', 'both'] as const).map(
    (side): Scenario => ({
      name,
      side,
      toxics: { up: lane, down: lane },
      cuts: false,
      load: UNUSUAL[name] ?? USUAL,
    }),
  ),
);

/** Every cut on either side, in either direction. */
export const CUTS: readonly Scenario[] = Object.entries(CUTTING).flatMap(([name, lane]) =>
  (['client', 'upstream'] as const).flatMap((side): Scenario[] => [
    { name: `${name} on the way up`, side, toxics: { up: lane }, cuts: true, load: USUAL },
    { name: `${name} on the way down`, side, toxics: { down: lane }, cuts: true, load: USUAL },
  ]),
);
