// Reads a server directly, not through the proxy: memory, keys, its own OOM errors.
import type { Redis } from 'ioredis';

export interface ServerReading {
  usedBytes: number;
  /** Highest since the server started. */
  peakBytes: number;
  limitBytes: number;
  keys: number;
  keysWithoutTtl: number;
  /** OOM errors that Redis itself has answered. */
  ownOom: number;
}

export async function readServer(redis: Redis): Promise<ServerReading> {
  return parseReading(await redis.info('all'));
}

/** Parses the text of INFO; a missing field is 0. */
export function parseReading(info: string): ServerReading {
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  const keys = number(/^db0:keys=(\d+)/m);
  return {
    usedBytes: number(/^used_memory:(\d+)/m),
    peakBytes: number(/^used_memory_peak:(\d+)/m),
    limitBytes: number(/^maxmemory:(\d+)/m),
    keys,
    keysWithoutTtl: keys - number(/^db0:keys=\d+,expires=(\d+)/m),
    ownOom: number(/^errorstat_OOM:count=(\d+)/m),
  };
}
