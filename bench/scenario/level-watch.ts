// Watches through /api/memory how often each priority changes between admitting and refusing.
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { PATTERNS, type PatternName } from './patterns.js';

const INTERVAL_MS = 25;

export interface LevelFigures {
  /** Changes between "some or all refused" and "all admitted", by priority. */
  changes: Record<PatternName, number>;
  /** The proxy's own count of level changes meanwhile, of any size. */
  levelChanges: number;
  /** Longest time between two looks, in milliseconds: a shorter flap could have been missed. */
  longestGapMs: number;
}

/** Call the result to end it and to have what it saw. */
export async function watchLevels(read: () => Promise<MemorySnapshot>): Promise<() => Promise<LevelFigures>> {
  let last = await read();
  let lastLook = performance.now();
  let longestGapMs = 0;
  const first = last.levelChanges;
  const changes: Record<PatternName, number> = { low: 0, normal: 0, high: 0, critical: 0 };
  const look = async (): Promise<void> => {
    const next = await read();
    longestGapMs = Math.max(longestGapMs, performance.now() - lastLook);
    lastLook = performance.now();
    for (const pattern of PATTERNS) {
      if (next.level[pattern].shedShare > 0 !== last.level[pattern].shedShare > 0) changes[pattern]++;
    }
    last = next;
  };
  let running = true;
  const done = (async () => {
    while (running) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  })();
  return async () => {
    running = false;
    await done;
    await look();
    return { changes, levelChanges: last.levelChanges - first, longestGapMs };
  };
}
