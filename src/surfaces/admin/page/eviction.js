// How room is made, in a sentence below the levels, and what went of a rule. Pure.
import { bytes, count, duration, percent } from './format.js';

/** @import { MemorySnapshot } from '../../../memory/snapshot.js' */
/** @import { RuleStats } from '../../../observe/stats/snapshot.js' */

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

/** @param {RuleStats} rule */
export function evictedText({ evicted, evictedLivedSeconds, wouldEvict }) {
  if (evicted === 0) return wouldEvict === 0 ? '–' : `(${count(wouldEvict)})`;
  return `${count(evicted)}, lived ${duration(evictedLivedSeconds / evicted)}`;
}
