// The rule set that a config makes: what every part that decides, or explains a decision, goes by.
import type { EffectiveConfig } from '../config/effective.js';
import { Priority } from '../policy/rule.js';
import { RuleSet } from '../policy/rule-set.js';

export function ruleSetOf({ rules, mode }: EffectiveConfig): RuleSet {
  return new RuleSet({
    rules,
    unregistered: { priority: Priority.NORMAL, observe: mode === 'observe' },
  });
}
