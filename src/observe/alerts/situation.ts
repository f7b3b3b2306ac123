// The state that alerts report: the level of each priority, and whether memory will be full soon. Owns the state that makes
// it settle. Pure; the clock comes with each call (monotonic milliseconds).
//
//   a level that rises counts at once, and one that falls once it has been lower for `hold`
//   full soon begins when the forecast has been within `timeToFull` for `hold` (or half of the time that is left), and ends
//   when it has been beyond 1.5 times that for `hold`
//   whether rules of a priority enforce or only observe counts at once
//   a rehearsal counts at once, and the refusals that it caused end with it
//
// Invariant: without a fresh reading of memory nothing changes.

import type { EffectiveAlerts } from '../../config/effective.js';
import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import type { Level } from '../../memory/levels.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { LiveSnapshot } from '../snapshots/live.js';
import type { ServiceStateSnapshot } from '../state/service-state.js';
import { FullSoon } from './full-soon.js';
import { Lasting } from './lasting.js';
import type { AlertSituation } from './snapshot.js';

/** The state that a receiver assumes before the first alert. */
export const CALM: AlertSituation = {
  levels: { low: 'open', normal: 'open', high: 'open', critical: 'open' },
  observed: [],
  fullSoon: false,
  rehearsal: false,
};

type Seen = Pick<LiveSnapshot, 'growth'> & {
  readonly memory: Pick<MemorySnapshot, 'level' | 'stale' | 'pressure' | 'active' | 'policy' | 'rehearsal'>;
  readonly state: Pick<ServiceStateSnapshot, 'observed'>;
};

const LEVELS: readonly Level[] = ['open', 'partial', 'full'];

export class SituationTracker {
  private last = CALM;
  private levels = newLevels();
  private readonly soon = new FullSoon();

  see({ memory, growth, state }: Seen, options: EffectiveAlerts, now: number): AlertSituation {
    if (memory.stale || memory.pressure === null) return this.last;
    const rehearsal = memory.rehearsal !== null;
    if (this.last.rehearsal && !rehearsal) this.levels = newLevels();
    const levels = Object.fromEntries(
      PRIORITY_NAMES.map((name, i) => {
        const rank = rankOf(memory.level[name].shedShare);
        return [name, LEVELS[this.levels[i].see(rank, now, 0, options.holdMs)]];
      }),
    ) as AlertSituation['levels'];
    const observed = PRIORITY_NAMES.filter(
      (name) => levels[name] !== 'open' && state.observed.includes(name),
    );
    const msToFull =
      (mayFill(memory) ? (growth.timeToFullUnrefused?.seconds ?? Number.POSITIVE_INFINITY) : Infinity) * 1000;
    const fullSoon = this.soon.see(msToFull, options, now);
    this.last = { levels, observed, fullSoon, rehearsal };
    return this.last;
  }
}

export function sameSituation(a: AlertSituation, b: AlertSituation): boolean {
  return (
    a.fullSoon === b.fullSoon &&
    a.rehearsal === b.rehearsal &&
    PRIORITY_NAMES.every(
      (name) => a.levels[name] === b.levels[name] && a.observed.includes(name) === b.observed.includes(name),
    )
  );
}

function newLevels(): Lasting[] {
  return PRIORITY_NAMES.map(() => new Lasting(LEVELS.length - 1));
}

function rankOf(shedShare: number): number {
  if (shedShare === 0) return 0;
  return shedShare < 1 ? 1 : 2;
}

/** If the server evicts, a full memory is no problem. */
function mayFill({ active, policy }: Seen['memory']): boolean {
  return active || policy === 'noeviction';
}
