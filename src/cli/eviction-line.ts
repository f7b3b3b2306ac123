// The line about making room in `spillway stats` and `top`. Draws; reads nothing.
import { bytesText, percentText, printable } from '../core/words.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { Paint } from './terminal/paint.js';

/** `evict: making room down to 76.0%, 43.1 MB can go, the oldest written 62 s ago`; no line without a rule with evict. */
export function evictionLines({ eviction }: MemorySnapshot, paint: Paint): string[] {
  if (eviction === null) return [];
  const { trouble, active, holding, startShare, stopShare, evictableBytes, rules } = eviction;
  if (trouble !== null) return [paint('red', `evict: no keys can be removed: ${printable(trouble)}`)];
  const oldest = Math.max(0, ...rules.map(({ oldestSeconds }) => oldestSeconds));
  const left = `${bytesText(evictableBytes)} can go${oldest > 0 ? `, the oldest written ${oldest} s ago` : ''}`;
  if (!holding)
    return [
      paint('yellow', `evict: memory grows faster than keys can be removed, so writes are refused; ${left}`),
    ];
  const doing = active
    ? `making room down to ${percentText(stopShare)}`
    : `from ${percentText(startShare)} on, down to ${percentText(stopShare)}`;
  return [`evict: ${doing}, ${left}`];
}
