// How long the keys of each rule live if the server evicts them, for `spillway stats` and `report`. Draws; reads nothing.
import { quoted, timeText } from '../core/words.js';
import type { RuleStats } from '../observe/stats/snapshot.js';

/** `cache: keys live 4 min of their 1 h (± 20 s), then the server evicts them`; a line for each such rule. */
export function lifetimeLines(rules: readonly Pick<RuleStats, 'name' | 'holds'>[]): string[] {
  return rules.flatMap(({ name, holds }) => {
    if (holds?.lifetime == null) return [];
    const { livesSeconds, ofSeconds, errorSeconds } = holds.lifetime;
    const lived = `keys live ${timeText(livesSeconds)} of their ${timeText(ofSeconds)}`;
    return [`${quoted(name)}: ${lived} (± ${timeText(errorSeconds)}), then the server evicts them`];
  });
}
