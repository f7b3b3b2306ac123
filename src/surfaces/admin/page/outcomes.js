// What a rule did and would do, as texts: settings, refusals by reason, TTLs. Pure.
import { bytes, count, duration, NONE, percent } from './format.js';

/** @import { BudgetSnapshot } from '../../../memory/snapshot.js' */
/** @import { RuleStats } from '../../../observe/stats/snapshot.js' */

/**
 * A rule as /api/rules has it.
 * @typedef {object} RuleSettings
 * @property {string} name
 * @property {string | string[]} [match]
 * @property {string} [family]
 * @property {string} [ttl]
 * @property {string} [maxTtl]
 * @property {boolean} [durable]
 * @property {boolean} [evict]
 * @property {string} [priority]
 * @property {string} [mode] only where it is not the global one
 * @property {string} [budget]
 * @property {Record<string, string>} [limit]
 * @property {number | number[]} [db]
 * @property {string | string[]} [user]
 * @property {boolean} [builtIn]
 */

/** @param {RuleSettings | undefined} rule */
export function ttlText(rule) {
  if (rule === undefined) return NONE;
  const { ttl, maxTtl, durable } = rule;
  if (durable) return 'durable';
  if (ttl !== undefined) return maxTtl === undefined ? ttl : `${ttl}, at most ${maxTtl}`;
  return maxTtl === undefined ? NONE : `at most ${maxTtl}`;
}

/**
 * The patterns of a rule; for a family its name, because its patterns are long.
 * @param {RuleSettings} rule
 */
export function matchText({ match = [], family, builtIn }) {
  const patterns = builtIn ? [] : [match].flat();
  return [...patterns, ...(family === undefined ? [] : [`keys of ${family}`])].join(' ');
}

/** `band 12, rate 3`; '': none. @param {Readonly<Record<string, number>>} counts */
export function reasons(counts) {
  return Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${reason} ${count(n)}`)
    .join(', ');
}

/** Everything that observe mode held back; '': nothing. @param {RuleStats} rule */
export function wouldText({ wouldInject, wouldClamp, wouldShed, wouldEvict }) {
  return [
    [wouldInject + wouldClamp, 'TTLs'],
    [wouldShed, 'refused'],
    [wouldEvict, 'evicted'],
  ]
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${count(Number(n))} ${what}`)
    .join(', ');
}

/** TTLs that the rule set. @param {RuleStats} rule */
export function given({ ttlInjected, ttlClamped, followUpsSet }) {
  return ttlInjected + ttlClamped + followUpsSet;
}

/**
 * Share of the writes that left their key with a TTL, among those that do not just keep the key's TTL; null: there are none.
 * @param {RuleStats} rule
 */
export function coverage(rule) {
  const deciding = rule.writes - rule.kept;
  if (deciding <= 0) return null;
  const followed = rule.followUps - rule.followUpsDenied - rule.followUpsFailed;
  return Math.max(0, rule.ttlInjected + rule.ttlClamped + rule.hadTtl + followed) / deciding;
}

/** @param {NonNullable<RuleStats['holds']>} holds */
export function holdsText({ bytes: held, errorBytes, keys, largeKeys, expiringBytes, lifetime }) {
  const large = largeKeys === 0 ? '' : `, ${count(largeKeys)} of them large`;
  return `${bytes(held)}, give or take ${bytes(errorBytes)}, in ${count(keys)} keys${large}; ${bytes(expiringBytes)} with a TTL${lives(lifetime)}`;
}

/** @param {NonNullable<RuleStats['holds']>['lifetime']} lifetime */
function lives(lifetime) {
  if (lifetime === null) return '';
  const { livesSeconds, ofSeconds, errorSeconds } = lifetime;
  return `; keys live ${duration(livesSeconds)} of their ${duration(ofSeconds)}, give or take ${duration(errorSeconds)}`;
}

/** @param {BudgetSnapshot} budget */
export function budgetText({ budgetBytes, heldBytes, method, refusedShare }) {
  const held = `${method === 'counting' ? 'at least ' : ''}${bytes(heldBytes)}`;
  const of = budgetBytes === null ? 'a share of an unknown limit' : bytes(budgetBytes);
  const refused = refusedShare > 0 ? `; ${percent(refusedShare)} of its keys refused` : '';
  return `Its keys hold ${held} of ${of} (${method})${refused}`;
}

/** @param {RuleStats} rule */
export function livedText({ evicted, evictedLivedSeconds }) {
  return evicted === 0 ? NONE : `${duration(evictedLivedSeconds / evicted)} on average until evicted`;
}
