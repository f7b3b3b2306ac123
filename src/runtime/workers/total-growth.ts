// The growth that all workers have admitted, in the primary's gate: the sum of the last figures of each, those of ended workers
// included.
// Invariants: the gate includes everything that workers have reported; growth of a lost worker counts as executed, and no sum
// ever goes down, since nobody could correct it.
import type { ShedGate } from '../../core/policy/shed.js';
import type { Growth, GrowthKnown } from './messages.js';

export const NO_GROWTH: Growth = {
  admitted: 0,
  admittedBy: [0, 0, 0, 0],
  answered: 0,
  promised: 0,
  reliefs: 0,
  reliefsAnswered: 0,
  eased: 0,
  briefStanding: 0,
  briefSpared: 0,
};

type Sum = { -readonly [K in keyof Growth]: Growth[K] } & { admittedBy: number[] };
const NUMBERS = [
  ...(['admitted', 'answered', 'promised', 'reliefs', 'reliefsAnswered', 'eased'] as const),
  ...(['briefStanding', 'briefSpared'] as const),
] as const;

export class TotalGrowth {
  private readonly saidBy = new Map<object, Growth>();
  private lost = NO_GROWTH;
  private eased = 0;

  constructor(private readonly gate: ShedGate) {}

  /** Takes a worker's figures. */
  hear(worker: object, growth: Growth): void {
    this.saidBy.set(worker, growth);
    this.addUp();
  }

  /** A worker has ended. */
  lose(worker: object): void {
    const { admitted, admittedBy, reliefs, eased } = this.of(worker);
    this.saidBy.delete(worker);
    // What it had spared stands for a minute longer; a new worker may spare as much meanwhile.
    const ended = {
      ...NO_GROWTH,
      admitted,
      admittedBy,
      answered: admitted,
      promised: 0,
      reliefs,
      reliefsAnswered: reliefs,
      eased,
    };
    this.lost = sum([this.lost, ended]);
    this.addUp();
  }

  /** What a worker receives: its own last figures, and the sum of all others'. */
  known(worker: object): GrowthKnown {
    const { admitted, promised, reliefs, briefStanding, briefSpared } = this.of(worker);
    const { gate } = this;
    return {
      elsewhere: gate.admitted - admitted,
      own: admitted,
      promisedElsewhere: gate.promisedElsewhere - promised,
      reliefsElsewhere: gate.reliefs - reliefs,
      briefElsewhere: gate.brief.total - briefStanding,
      briefSpared,
    };
  }

  private of(worker: object): Growth {
    return this.saidBy.get(worker) ?? NO_GROWTH;
  }

  private addUp(): void {
    const { gate } = this;
    const total = sum([this.lost, ...this.saidBy.values()]);
    const { admitted, admittedBy, answered, promised, reliefs, reliefsAnswered, eased, briefStanding } =
      total;
    const hasRelief = reliefs !== gate.reliefs || reliefsAnswered !== gate.reliefsAnswered;
    const hasEased = reliefsAnswered !== gate.reliefsAnswered || eased !== this.eased;
    gate.answered = answered;
    gate.promisedElsewhere = promised;
    gate.reliefs = reliefs;
    gate.reliefsAnswered = reliefsAnswered;
    this.eased = eased;
    gate.brief.hear(briefStanding, 0);
    gate.grow(admitted - gate.admitted);
    gate.admittedBy.set(admittedBy);
    if (hasRelief || hasEased) gate.onRelief(hasEased);
  }
}

function sum(growths: readonly Growth[]): Growth {
  const total = { ...NO_GROWTH, admittedBy: [...NO_GROWTH.admittedBy] } as Sum;
  for (const growth of growths) {
    for (const name of NUMBERS) total[name] += growth[name];
    for (const [priority, bytes] of growth.admittedBy.entries()) total.admittedBy[priority] += bytes;
  }
  return total;
}
