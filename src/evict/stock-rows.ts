// What is known of the keys that may go, by rule, as the API says it. Pure.
import type { RuleSet } from '../core/policy/rule-set.js';
import type { RuleEvictionSnapshot } from '../memory/eviction.js';
import type { RuleStock } from './candidates.js';

/** In the order of the stock. */
export function rowsOf(stock: readonly RuleStock[], { rules }: RuleSet): RuleEvictionSnapshot[] {
  return stock.map(({ slot, keys, bytes, oldestMs }) => ({
    rule: rules.find((rule) => rule.slot === slot)?.name ?? '',
    keys,
    bytes: Math.round(bytes),
    oldestSeconds: Math.round(oldestMs / 1000),
  }));
}
