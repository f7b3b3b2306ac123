// Reports an unlinked key to the estimate of its rule's budget (policy/held-keys).
import { hashKey } from '../core/policy/hash.js';
import type { Quotas } from '../core/policy/quota.js';

/** The function to call for each key that is gone. Costs nothing if no rule has a budget. */
export function tellGone(quotas: Quotas): (slot: number, key: Uint8Array) => void {
  return (slot, key) => {
    if (!quotas.anyBudget) return;
    quotas.of(slot)?.keys?.ended(key, 0, key.length, hashKey(key, 0, key.length));
  };
}
