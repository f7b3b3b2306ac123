// Warns about budgets that together exceed the limit. Only warns, because that may be intended. Pure.
import type { Rule } from '../core/policy/rule.js';
import { formatPercent } from './units.js';

/** One line at most. Budgets in bytes do not count: the limit may be unknown. */
export function budgetMistakes(rules: readonly Rule[]): string[] {
  let sum = 0;
  for (const { budget } of rules) if (budget !== undefined && 'share' in budget) sum += budget.share;
  if (sum <= 1) return [];
  return [
    `rules: the budgets add up to ${formatPercent(sum)} of the limit, so these rules can fill memory together: a budget keeps no room free for its rule`,
  ];
}
