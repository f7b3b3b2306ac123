// How much each priority makes memory grow, and how much of that is refused: for the forecast. Pure.
import type { EffectiveConfig } from '../config/effective.js';
import { PRIORITY_NAMES, Priority } from '../core/policy/rule.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { GrowthByClass } from '../observe/history/demand.js';
import type { RuleGrowth } from '../observe/history/history.js';
import { UNREGISTERED_NAME } from '../observe/stats/snapshot.js';
import { allRules } from './rules.js';

/** The rules of one priority, including the keys that no rule matches: which of them only observe. */
interface RuleClass {
  readonly observe: ReadonlyMap<string, boolean>;
  readonly observing: number;
}

/** By Priority. */
export type RuleClasses = readonly RuleClass[];

export function classesOf(config: EffectiveConfig): RuleClasses {
  const unregistered = {
    ...{ name: UNREGISTERED_NAME, priority: Priority.NORMAL, observe: config.mode === 'observe' },
  };
  const rules = [...allRules(config), unregistered];
  return PRIORITY_NAMES.map((_, priority) => {
    const own = rules.filter((rule) => rule.priority === priority);
    return {
      observe: new Map(own.map(({ name, observe }) => [name, observe])),
      observing: own.filter(({ observe }) => observe).length,
    };
  });
}

/** `growth`: of the rules; requested only if some of a priority's rules observe and others enforce. */
export function growthByClass(
  memory: MemorySnapshot,
  classes: RuleClasses,
  growth: () => readonly RuleGrowth[],
): GrowthByClass {
  return {
    othersBytesPerSecond: memory.othersBytesPerSecond,
    classes: PRIORITY_NAMES.map((name, priority) => {
      const { growthBytesPerSecond, shedShare, band } = memory.level[name];
      return {
        bytesPerSecond: growthBytesPerSecond,
        refusedShare: shedShare,
        band: memory.active ? band : null,
        enforced: enforcedShare(classes[priority], growth),
      };
    }),
  };
}

function enforcedShare({ observe, observing }: RuleClass, growth: () => readonly RuleGrowth[]): number {
  if (observing === 0) return 1;
  if (observing === observe.size) return 0;
  let [all, enforced] = [0, 0];
  for (const { name, growthBytesPerSecond } of growth()) {
    const observes = observe.get(name);
    if (observes === undefined) continue;
    all += growthBytesPerSecond;
    if (!observes) enforced += growthBytesPerSecond;
  }
  return all > 0 ? enforced / all : 1;
}
