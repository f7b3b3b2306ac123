// What Redis itself counts: its own refusals, its memory and its limit.
import type { Redis } from 'ioredis';

export interface ServerFigures {
  /** errorstat_OOM of INFO errorstats. */
  oomErrors: number;
  /** Sum of rejected_calls of INFO commandstats. */
  rejectedCalls: number;
  usedMemory: number;
  maxmemory: number;
}

export async function readFigures(redis: Redis): Promise<ServerFigures> {
  return parseFigures(await redis.info('all'));
}

/** From the text of INFO; what is missing there is 0. */
export function parseFigures(info: string): ServerFigures {
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  const rejected = [...info.matchAll(/^cmdstat_.*rejected_calls=(\d+)/gm)].map((match) => Number(match[1]));
  return {
    oomErrors: number(/^errorstat_OOM:count=(\d+)/m),
    rejectedCalls: rejected.reduce((sum, calls) => sum + calls, 0),
    usedMemory: number(/^used_memory:(\d+)/m),
    maxmemory: number(/^maxmemory:(\d+)/m),
  };
}

/** Frees every key of a pattern, in steps that don't block the server. Returns how many there were. */
export async function unlinkAll(redis: Redis, match: string): Promise<number> {
  let freed = 0;
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', match, 'COUNT', 1000);
    if (keys.length > 0) freed += await redis.unlink(keys);
    cursor = next;
  } while (cursor !== '0');
  return freed;
}
