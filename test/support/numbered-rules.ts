// Rules as the counters need them: names with their slots.
import type { CountedRule } from '../../src/observe/stats/counters.js';

/** Rules with these names, in slots from 1 on. */
export function numberedRules(...names: readonly string[]): CountedRule[] {
  return names.map((name, i) => ({ name, slot: i + 1 }));
}
