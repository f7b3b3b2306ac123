// The terms of a sweep (which keys get a TTL, and which one) as a short digest. The journal stores it, because a sweep may
// continue only by the terms that decided which keys it passed over.
import { createHash } from 'node:crypto';
import type { RuleSet } from '../../core/policy/rule-set.js';

/**
 * The same digest for rules that give the same TTLs, in this version of Spillway and later ones. It covers the rules' order,
 * not their names and priorities, and not the spread, which excludes no key.
 * @param only names of the rules that are swept; undefined: all
 * @param idleMs only keys that nobody has used for this time; undefined: all
 */
export function digestTerms(
  rules: RuleSet,
  only: ReadonlySet<string> | undefined,
  idleMs?: number | undefined,
): string {
  const terms = rules.rules.map(({ name, globs, ttlMs, maxTtlMs, applyToAll, observe, databases, users }) => [
    globs.map((glob) => Buffer.from(glob).toString('base64')),
    ...[ttlMs, maxTtlMs, applyToAll, observe],
    only?.has(name) !== false,
    ...(databases === undefined && users === undefined ? [] : [databases ?? null, users ?? null]),
  ]);
  const hash = createHash('sha256').update(JSON.stringify(terms));
  if (idleMs !== undefined) hash.update(`idle ${idleMs}`);
  return hash.digest('hex');
}
