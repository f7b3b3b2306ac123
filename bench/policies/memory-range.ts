// Watches how full a server is while a run goes on: used memory as a share of its limit, from the moment on from which it is
// told to look.
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';

const INTERVAL_MS = 20;

export interface MemoryRange {
  /** Shares of the limit. */
  readonly low: number;
  readonly high: number;
}

/** Call the result to end it and to have what it saw. */
export function watchMemory(redis: Redis, limitBytes: number): () => Promise<MemoryRange> {
  let [low, high, running] = [Number.POSITIVE_INFINITY, 0, true];
  const done = (async () => {
    do {
      const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1];
      const share = Number(used) / limitBytes;
      low = Math.min(low, share);
      high = Math.max(high, share);
      await delay(INTERVAL_MS);
    } while (running);
  })();
  return async () => {
    running = false;
    await done;
    return { low, high };
  };
}
