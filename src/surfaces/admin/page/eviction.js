// How room is made, in a sentence below the levels, and what went of a rule. Pure.
import { bytes, count, duration, percent } from './format.js';

/** @import { MemorySnapshot } from '../../../memory/snapshot.js' */
/** @import { RuleStats } from '../../../observe/stats/snapshot.js' */

/** '' where no rule has evict. @param {MemorySnapshot} memory */
export function evictionText({ eviction }) {
  if (eviction === null) return '';
  const { trouble, active, holding, startShare, stopShare, evictableBytes, rules, byAgeAlone } = eviction;
  if (trouble !== null) return `No room is made, so writes are refused as memory fills up: ${trouble}.`;
  const oldest = Math.max(0, ...rules.map(({ oldestSeconds }) => oldestSeconds));
  const left = `${bytes(evictableBytes)} can go${oldest > 0 ? `, the oldest written ${duration(oldest)} ago` : ''}`;
  const blind = byAgeAlone
    ? ' Spillway removes the oldest keys even if they were read, because the server has no OBJECT command.'
    : '';
  if (!holding) return `Memory grows faster than room can be made, so writes are refused; ${left}.${blind}`;
  const doing = active
    ? `Making room down to ${percent(stopShare)}`
    : `Room is made from ${percent(startShare)} on, down to ${percent(stopShare)}`;
  return `${doing}; ${left}.${blind}`;
}

/** @param {RuleStats} rule */
export function evictedText({ evicted, evictedLivedSeconds, wouldEvict }) {
  if (evicted === 0) return wouldEvict === 0 ? '–' : `(${count(wouldEvict)})`;
  return `${count(evicted)}, lived ${duration(evictedLivedSeconds / evicted)}`;
}
