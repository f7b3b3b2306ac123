// Says when Spillway would evict a key of a rule, judged by the rules alone. Pure.
import type { CompiledRule } from '../../core/policy/compiled-rule.js';

/** The most rules that are named. */
const NAMED = 3;

/** null: never. `rules`: all of them. */
export function whenEvicted(rules: readonly CompiledRule[], rule: CompiledRule): string | null {
  if (!rule.evict) return null;
  const before = rules.filter(
    ({ evict, observe, priority }) => evict && observe === rule.observe && priority < rule.priority,
  );
  const order = before.length === 0 ? '' : ` Keys of rules of a lower priority go first (${named(before)}).`;
  const begin = rule.observe ? 'In observe mode: counted as if it were removed' : 'Spillway removes it';
  return `${begin} when used memory has reached memory.evict.start and it is among the oldest written keys that nobody read since.${order}`;
}

function named(rules: readonly CompiledRule[]): string {
  const names = rules.slice(0, NAMED).map(({ name }) => `"${name}"`);
  if (rules.length > NAMED) names.push(`${rules.length - NAMED} more`);
  return names.join(', ');
}
