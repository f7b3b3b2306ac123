// One run of the first question: a cache at full speed, and beside it locks, rate limits and jobs, on one server that is much
// too small for the cache.
import { setTimeout as delay } from 'node:timers/promises';
import { readFigures } from '../scenario/server-figures.js';
import { type BystanderFigures, runBystanders } from './bystanders.js';
import { CacheWriter } from './cache-writer.js';
import { type MemoryRange, watchMemory } from './memory-range.js';
import { type SetupOptions, withSetup } from './setup.js';
import type { Way } from './ways.js';

export interface MixedOptions extends SetupOptions {
  readonly seconds: number;
  /** Cache writes a second; 0: as fast as they are answered. */
  readonly rate: number;
  readonly valueBytes: number;
  /** Whether cache writes carry a TTL of their own. */
  readonly ttl: boolean;
  /** Of the sizes of caches, which are lognormal; 0: all alike. */
  readonly sigma: number;
}

export interface MixedFigures extends BystanderFigures {
  readonly caches: { readonly written: number; readonly refused: number };
  /** Of the second half of the run. */
  readonly memory: MemoryRange;
  /** Refused by Redis itself. */
  readonly ownOom: number;
  /** The first error that is no OOM; undefined: there was none. */
  readonly fault: string | undefined;
}

export function runMixed(way: Way, options: MixedOptions): Promise<MixedFigures> {
  return withSetup(way, options, async ({ port, control, limitBytes }) => {
    const { seconds } = options;
    const cache = await CacheWriter.start({ port, ...options });
    const beside = runBystanders(port, seconds);
    await delay((seconds * 1000) / 2);
    const endWatch = watchMemory(control, limitBytes);
    const bystanders = await beside;
    const memory = await endWatch();
    const { written, refused } = cache;
    await cache.stop();
    const { oomErrors } = await readFigures(control);
    return { ...bystanders, caches: { written, refused }, memory, ownOom: oomErrors, fault: cache.fault };
  });
}
