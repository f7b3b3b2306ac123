// Tells what counts the keys of rules with a budget (policy/held-keys) of a key that was unlinked.
import { hashKey } from '../core/policy/hash.js';
import type { Quotas } from '../core/policy/quota.js';

/** What to call for each key that is gone. Costs nothing where no rule has a budget. */
export function tellGone(quotas: Quotas): (slot: number, key: Uint8Array) => void {
  return (slot, key) => {
    if (!quotas.anyBudget) return;
    quotas.of(slot)?.keys?.ended(key, 0, key.length, hashKey(key, 0, key.length));
  };
}
