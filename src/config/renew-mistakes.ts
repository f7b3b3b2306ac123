// Warns about rules that renew TTLs if there are several workers: each worker renews only the TTLs that it gave itself.
// It only warns, because a key with many writes is written through all workers. Pure.
import type { Rule } from '../core/policy/rule.js';

/** One line for all such rules. */
export function renewMistakes(rules: readonly Rule[], workers: number): string[] {
  const renewing = rules.filter(({ renew }) => renew).map(({ name }) => `"${name}"`);
  if (workers === 1 || renewing.length === 0) return [];
  const which =
    renewing.length === 1 ? `${renewing[0]} renews its TTL` : `${renewing.join(', ')} renew their TTLs`;
  return [
    `rules: ${which}, but each of the ${workers} workers renews only TTLs that it gave itself: a key that is written through another one may end early; use "workers": 1, or a "ttl" many times longer than the time between two writes`,
  ];
}
