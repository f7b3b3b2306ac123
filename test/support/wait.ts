// Waits for a condition instead of for a time: the only way that tests here let time pass.
import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 5;
/** Long: a wait that ends well ends at once, and a busy machine may need seconds for what an idle one does in milliseconds. */
const PATIENCE_MS = 30_000;

export interface UntilOptions {
  /** Default: half a minute. No test passes because it runs out. */
  timeoutMs?: number;
  /** What is waited for: said when it doesn't come. A function is asked at that time. */
  describe?: string | (() => string);
}

/**
 * Resolves with the first value of `condition` that is neither false, null nor undefined. `condition` runs at once
 * and then every few milliseconds, never twice at a time; what it throws ends the wait.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = PATIENCE_MS, describe = 'the condition' }: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<T, false | null | undefined>;
    }
    if (Date.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${typeof describe === 'string' ? describe : describe()}`);
    }
    await delay(INTERVAL_MS);
  }
}
