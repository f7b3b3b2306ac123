// The four patterns of the scenario and their rules. Critical overwrites a bounded set of keys, which fits; the others
// write ever new keys.
import { PRIORITY_NAMES, type PriorityName } from '../../src/core/policy/rule.js';

export const PATTERNS = PRIORITY_NAMES;
export type PatternName = PriorityName;

const CRITICAL_BYTES = 3 * 2 ** 20;
const MOST_CRITICAL_KEYS = 2000;

/** How many keys critical has: about 3 MB at the most, so that it fits beside everything that the others do. */
export function criticalKeys(meanValueBytes: number): number {
  return Math.max(1, Math.min(MOST_CRITICAL_KEYS, Math.floor(CRITICAL_BYTES / meanValueBytes)));
}

/** `keys`: from criticalKeys(). */
export function keyOf(pattern: PatternName, connection: number, sequence: number, keys: number): string {
  if (pattern === 'critical') return `critical:${(sequence * 7 + connection) % keys}`;
  return `${pattern}:${connection}:${sequence}`;
}

/** Without ttl: nothing expires in the run's time, and what is tested here is shedding. */
export const RULES = PATTERNS.map((pattern) => ({
  name: pattern,
  match: `${pattern}:*`,
  priority: pattern,
  durable: true,
}));

/** Full mark of the highest band that sheds (high: 98%): growth beyond it is overshoot. The config's default. */
export const CEILING = 0.98;
