// What a rehearsal would evict, in words, for the log, the command line and redis-cli. Pure.
import { bytesText } from '../core/words.js';
import type { WouldEvict } from './eviction.js';

/** The most rules that are named. */
const NAMED = 3;

/** The end of a sentence; empty: nothing would go. */
export function wouldEvictText(would: WouldEvict | null): string {
  if (would === null || would.rules.length === 0) return '';
  const rules = would.rules.slice(0, NAMED).map(({ rule, keys, bytes }) => {
    const counted = keys === null ? '' : `${keys.toLocaleString('en-US')} keys, `;
    return `${rule} (${counted}${bytesText(bytes)})`;
  });
  if (would.rules.length > NAMED) rules.push(`${would.rules.length - NAMED} more rules`);
  return `; if memory were really so full, Spillway would evict keys of ${rules.join(', ')}`;
}
