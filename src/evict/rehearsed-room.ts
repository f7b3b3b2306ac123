// What Spillway would evict if the memory that nothing can evict took a given share of the limit. Nothing is removed. Pure.
// Invariants: nothing goes below the start; what goes leaves memory at the lower mark, or no key of these rules; rules of the
// lowest priority go first, and rules of one priority by how much they hold.
import type { Priority } from '../core/policy/rule.js';
import type { WouldEvict } from '../memory/eviction.js';
import type { Marks } from './pace.js';

/** What the keys of one rule hold. */
export interface Holding {
  readonly rule: string;
  readonly priority: Priority;
  /** The keys that the rings know, and their bytes. */
  readonly keys: number;
  readonly bytes: number;
  /** All that its keys hold at least, by random keys. */
  readonly sampledBytes: number;
}

export function rehearsedRoom(
  pressure: number,
  limitBytes: number,
  { start, stop }: Marks,
  holdings: readonly Holding[],
): WouldEvict {
  const held = holdings.map((each) => ({
    ...each,
    bytes: Math.max(each.bytes, each.sampledBytes),
    listed: each.bytes,
  }));
  const sum = held.reduce((bytes, each) => bytes + each.bytes, 0);
  const full = pressure * limitBytes + sum > start * limitBytes;
  const wanted = full ? Math.min(sum, Math.max(0, pressure * limitBytes + sum - stop * limitBytes)) : 0;
  let left = wanted;
  const rules: WouldEvict['rules'][number][] = [];
  for (const priority of [...new Set(held.map((each) => each.priority))].sort((a, b) => a - b)) {
    const alike = held.filter((each) => each.priority === priority);
    const total = alike.reduce((bytes, each) => bytes + each.bytes, 0);
    const part = total > 0 ? Math.min(1, left / total) : 0;
    left -= part * total;
    for (const { rule, keys, bytes, listed } of alike) {
      if (part * bytes < 1) continue;
      // Keys that only SCAN finds count as large as the known ones.
      const count = listed > 0 ? Math.round((part * keys * bytes) / listed) : null;
      rules.push({ rule, keys: count, bytes: Math.round(part * bytes) });
    }
  }
  return { bytes: Math.round(wanted), keptBytes: Math.round(sum - wanted), rules };
}
