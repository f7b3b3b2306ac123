// One worker's part in what all workers let through together: keeps its gate counting as if all growth passed it.
// What it let through itself since the others were last heard of counts for each of them, too: they likely do the same,
// and to hear of it takes a while. So many that write at once do not pass the limit together before they know.
// Invariants: gate.admitted is what all have let through, as far as is known, plus that; the others lack at most a step
// of this one, as long as tell() follows whenever it is due.
import type { ShedGate } from '../../core/policy/shed.js';
import type { Growth, GrowthKnown } from './messages.js';

/** So much more or less of what is still to come of large writes is told at once. */
const PROMISE_STEP_BYTES = 1024 * 1024;

export class SharedGrowth {
  /** What this worker let through, and what the gate had counted, when both were last looked at. */
  private own = 0;
  private counted = 0;
  private toldAdmitted = 0;
  private promisedTold = 0;
  private reliefsElsewhere = 0;
  private eased = 0;

  constructor(
    private readonly gate: ShedGate,
    private readonly workers: number,
  ) {
    gate.gates = workers;
  }

  /** The primary says what it knows. */
  hear({ elsewhere, own, promisedElsewhere, reliefsElsewhere }: GrowthKnown): void {
    const { gate } = this;
    this.count();
    const unheard = this.own - own;
    gate.admitted = elsewhere + own + unheard * this.workers;
    gate.promisedElsewhere = promisedElsewhere;
    gate.reliefs += reliefsElsewhere - this.reliefsElsewhere;
    this.reliefsElsewhere = reliefsElsewhere;
    this.counted = gate.admitted;
  }

  /** A reply has come behind which memory may be less: tell() is to follow. */
  ease(): void {
    this.eased++;
  }

  /** To be asked behind each look at the pressure, which sets how far growth may go on until the next one. */
  isDue(): boolean {
    this.count();
    if (Math.abs(this.gate.promised - this.promisedTold) >= PROMISE_STEP_BYTES) return true;
    const untold = (this.own - this.toldAdmitted) * this.workers;
    if (this.gate.admitted + untold >= this.gate.wakeAt) return true;
    this.gate.wakeAt -= untold;
    return false;
  }

  /** What this worker has let through; the others will know. */
  tell(): Growth {
    const { gate } = this;
    this.count();
    this.toldAdmitted = this.own;
    this.promisedTold = gate.promised;
    return {
      admitted: this.own,
      answered: gate.answered,
      promised: gate.promised,
      reliefs: gate.reliefs - this.reliefsElsewhere,
      reliefsAnswered: gate.reliefsAnswered,
      eased: this.eased,
    };
  }

  private count(): void {
    const { admitted } = this.gate;
    this.own += (admitted - this.counted) / this.workers;
    this.counted = admitted;
  }
}
