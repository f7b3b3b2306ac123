// What the limits of rules allow, and how much all workers together have used.
// Owns nothing: it reads the quotas.
import type { Quotas } from '../core/policy/quota.js';
import type { Rule } from '../core/policy/rule.js';
import type { LimitSnapshot } from './snapshot.js';

/** In the order of the rules. */
export function limitsOf(quotas: Quotas, rules: readonly Rule[]): LimitSnapshot[] {
  return rules.flatMap(({ name, slot, limit }) => {
    const quota = quotas.of(slot);
    if (limit === undefined || quota === undefined) return [];
    const { writes, bytes, valueBytes } = quota;
    return {
      rule: name,
      writesPerSecond: writes?.rate ?? null,
      bytesPerSecond: bytes?.rate ?? null,
      valueBytes: valueBytes > 0 ? valueBytes : null,
      writesTaken: writes?.taken ?? null,
      bytesTaken: bytes?.taken ?? null,
    };
  });
}
