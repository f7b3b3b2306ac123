// The four patterns of the scenario and their rules. Critical overwrites a bounded set of keys, which fits; the others
// write ever new keys.
import { PRIORITY_NAMES, type PriorityName } from '../../src/policy/rule.js';

export const PATTERNS = PRIORITY_NAMES;
export type PatternName = PriorityName;

/** About 3 MB with the mixed sizes: fits beside everything, whatever the others do. */
const CRITICAL_KEYS = 2000;

export function keyOf(pattern: PatternName, connection: number, sequence: number): string {
  if (pattern === 'critical') return `critical:${(sequence * 7 + connection) % CRITICAL_KEYS}`;
  return `${pattern}:${connection}:${sequence}`;
}

/** Without ttl: nothing expires in the run's time, and what is tested here is shedding. */
export const RULES = PATTERNS.map((pattern) => ({
  name: pattern,
  match: `${pattern}:*`,
  priority: pattern,
  durable: true,
}));

/** Full mark of the highest band that sheds (high: 99 %): growth beyond it is overshoot. The config's default. */
export const CEILING = 0.99;
