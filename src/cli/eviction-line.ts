// The line about making room in `spillway stats` and `top`. Draws; reads nothing.
import { bytesText, percentText, printable } from '../core/words.js';
import type { EvictionPhase } from '../memory/eviction.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { Paint } from './terminal/paint.js';

const COLOR: Partial<Record<EvictionPhase, 'red' | 'yellow'>> = { unable: 'red', behind: 'yellow' };

/** `evict: making room down to 76%, 43.1 MB can go, the oldest written 62 s ago`; no line without a rule with evict. */
export function evictionLines({ eviction }: Pick<MemorySnapshot, 'eviction'>, paint: Paint): string[] {
  if (eviction === null) return [];
  const { phase, trouble, startShare, stopShare, evictableBytes, rules } = eviction;
  const why = trouble === null ? '' : `: ${printable(trouble)}`;
  const oldest = Math.max(0, ...rules.map(({ oldestSeconds }) => oldestSeconds));
  const age = oldest > 0 ? `, the oldest written ${oldest} s ago` : '';
  const left = `${bytesText(evictableBytes)} can go${age}`;
  const known = rules.reduce((sum, { bytes }) => sum + bytes, 0);
  const line = {
    observing: `in observe mode, so keys are only counted; ${bytesText(known)} could go${age}`,
    unable: `no keys can be removed${why}`,
    unknown: 'waits for a memory reading and a limit',
    behind: `memory grows faster than keys can be removed, so writes are refused as memory fills up; ${left}`,
    active: `making room down to ${percentText(stopShare)}, ${left}`,
    waiting: `from ${percentText(startShare)} on, down to ${percentText(stopShare)}, ${left}`,
  }[phase];
  const color = COLOR[phase];
  return [color === undefined ? `evict: ${line}` : paint(color, `evict: ${line}`)];
}
