// What tests of memory share: keys, and figures that stand still.
import type { Redis } from 'ioredis';
import { until } from '../support/wait.js';

/** Strings of 20 bytes, `prefix`:0 and so on. */
export async function writeStrings(redis: Redis, prefix: string, keys: number): Promise<void> {
  for (let from = 0; from < keys; from += 5000) {
    const pipeline = redis.pipeline();
    for (let i = from; i < Math.min(keys, from + 5000); i++) pipeline.set(`${prefix}:${i}`, 'x'.repeat(20));
    await pipeline.exec();
  }
}

export const usedBytes = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);

/** A table of keys that grows frees the one before it some time later. */
export async function settled(redis: Redis): Promise<void> {
  let before = -1;
  await until(async () => {
    const now = await usedBytes(redis);
    const same = Math.abs(now - before) < 20_000;
    before = now;
    if (!same) await new Promise((resolve) => setTimeout(resolve, 150));
    return same;
  });
}
