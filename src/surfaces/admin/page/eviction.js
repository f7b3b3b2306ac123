// How room is made, in a sentence below the levels, and what went of a rule. Pure.
import { bytes, count, duration, percent } from './format.js';

/** @import { MemorySnapshot } from '../../../memory/snapshot.js' */
/** @import { RuleStats } from '../../../observe/stats/snapshot.js' */

/** The most rules that a sentence names. */
const NAMED = 5;

/** '' where no rule has evict. @param {Pick<MemorySnapshot, 'eviction'>} memory */
export function evictionText({ eviction }) {
  if (eviction === null) return '';
  const { phase, trouble, startShare, stopShare, evictableBytes, rules, byAgeAlone } = eviction;
  const oldest = Math.max(0, ...rules.map(({ oldestSeconds }) => oldestSeconds));
  const age = oldest > 0 ? `, the oldest written ${duration(oldest)} ago` : '';
  const left = `${bytes(evictableBytes)} can go${age}`;
  const known = rules.reduce((sum, rule) => sum + rule.bytes, 0);
  const blind = byAgeAlone
    ? ' Spillway removes the oldest keys even if they were read, because the server has no OBJECT command.'
    : '';
  return {
    observing: `The rules with evict only observe: Spillway removes no keys and counts those that could go, ${bytes(known)}${age}.`,
    unable: `No room is made, so writes are refused as memory fills up: ${trouble}.`,
    unknown: 'No room is made yet: there is no memory reading, or no limit.',
    behind: `Memory grows faster than room can be made, so writes are refused as memory fills up; ${left}.${blind}`,
    active: `Making room down to ${percent(stopShare)}; ${left}.${blind}`,
    waiting: `Room is made from ${percent(startShare)} on, down to ${percent(stopShare)}; ${left}.${blind}`,
  }[phase];
}

/**
 * What the running rehearsal would evict; '' without one, or if nothing would go.
 * @param {Pick<MemorySnapshot, 'rehearsal'>} memory
 */
export function rehearsedText({ rehearsal }) {
  const all = rehearsal?.wouldEvict?.rules ?? [];
  if (all.length === 0) return '';
  const rules = all.slice(0, NAMED).map((row) => {
    const keys = row.keys === null ? '' : `${count(row.keys)} keys, `;
    return `${row.rule} (${keys}${bytes(row.bytes)})`;
  });
  const more = all.length - NAMED;
  if (more > 0) rules.push(more === 1 ? '1 more rule' : `${more} more rules`);
  return `The rehearsal removes no keys; if memory were really so full, Spillway would remove keys of ${rules.join(', ')}.`;
}

/** @param {RuleStats} rule */
export function evictedText({ evicted, evictedLivedSeconds, wouldEvict }) {
  if (evicted === 0) return wouldEvict === 0 ? '–' : `(${count(wouldEvict)})`;
  return `${count(evicted)}, lived ${duration(evictedLivedSeconds / evicted)}`;
}
