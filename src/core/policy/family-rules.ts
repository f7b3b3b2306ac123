// The built-in rules: one for each family whose keys Spillway recognizes. They come after the rules of the config, so they
// apply to keys that no rule of the config matches.
// Invariants: their keys are never refused because memory is nearly full, and get no TTL.
import { type Family, familyGlobs } from './families.js';
import { Priority, type Rule } from './rule.js';

/** Their names begin with this, and no other rule's name does. */
export const FAMILY_PREFIX = 'family:';

export function familyRules(families: readonly Family[], firstSlot: number, observe: boolean): Rule[] {
  return families.map(({ name }, i) => ({
    name: `${FAMILY_PREFIX}${name}`,
    slot: firstSlot + i,
    globs: familyGlobs(name),
    ttlMs: 0,
    maxTtlMs: 0,
    jitter: 0,
    durable: true,
    priority: Priority.CRITICAL,
    observe,
    applyToAll: false,
    renew: false,
    refusesScripts: false,
    scriptTtl: false,
    family: name,
    builtIn: true,
  }));
}
