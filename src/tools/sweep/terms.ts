// What decides which keys get a TTL, and which one, as one short text: the journal of a sweep keeps it, since what it has
// passed over was judged by it.
import { createHash } from 'node:crypto';
import type { RuleSet } from '../../core/policy/rule-set.js';

/**
 * The same for rules that give the same, in this version of Spillway and later ones. Their names and priorities give
 * nothing, their order does; by how much the expiries are spread leaves nobody out.
 * @param only names of the rules that are swept; undefined: all
 */
export function digestTerms(rules: RuleSet, only: ReadonlySet<string> | undefined): string {
  const terms = rules.rules.map(({ name, globs, ttlMs, maxTtlMs, applyToAll, observe }) => [
    globs.map((glob) => Buffer.from(glob).toString('base64')),
    ...[ttlMs, maxTtlMs, applyToAll, observe],
    only?.has(name) !== false,
  ]);
  return createHash('sha256').update(JSON.stringify(terms)).digest('hex');
}
