// Whether Spillway sheds, and how much of which priority, in words. Pure.
import { PRIORITY_NAMES, type PriorityName } from '../core/policy/rule.js';
import type { MemorySnapshot } from './snapshot.js';

/** `armed: with noeviction …` while nothing is refused, `on: …` while something is, `off: …` if Spillway never sheds here. */
export function sheddingText(reason: string, refusing: boolean): string {
  return refusing ? reason : reason.replace(/^on:/, 'armed:');
}

/** `['low (all)', 'normal (38%)']`: the priorities among `counts` of which writes are refused now. */
export function refusedShares(
  { level }: Pick<MemorySnapshot, 'level'>,
  counts: (name: PriorityName) => boolean = () => true,
): string[] {
  return PRIORITY_NAMES.filter((name) => level[name].shedShare > 0 && counts(name)).map(
    (name) => `${name} (${level[name].shedShare === 1 ? 'all' : roundPercent(level[name].shedShare)})`,
  );
}

/** `38%`, `< 1%`. */
export function roundPercent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 1 ? '< 1' : Math.round(value)}%`;
}
