// One worker's view of the growth that all workers admit: keeps its gate as if all growth passed it. What this worker has
// admitted since the last news of the others also counts once for each of them, because they probably admit as much, and their
// figures take a while to arrive. So workers that write at the same time do not pass the limit together.
// Invariants: gate.admitted is the known growth of all, plus that assumption; the others miss at most one step of this worker's
// growth, as long as tell() follows whenever it is due.
import type { ShedGate } from '../../core/policy/shed.js';
import type { Growth, GrowthKnown } from './messages.js';

/** A change of this many bytes in `promised` is sent at once. */
const PROMISE_STEP_BYTES = 1024 * 1024;

export class SharedGrowth {
  /** This worker's own growth, and the gate's count, when both were last compared. */
  private own = 0;
  private counted = 0;
  private toldAdmitted = 0;
  private toldPromised = 0;
  private reliefsElsewhere = 0;
  private eased = 0;

  constructor(
    private readonly gate: ShedGate,
    private readonly workers: number,
  ) {
    gate.gates = workers;
    gate.brief.processes = workers;
  }

  /** Takes over what the primary knows. */
  hear(known: GrowthKnown): void {
    const { elsewhere, own, promisedElsewhere, reliefsElsewhere } = known;
    const { gate } = this;
    this.count();
    const unheard = this.own - own;
    gate.admitted = elsewhere + own + unheard * this.workers;
    gate.promisedElsewhere = promisedElsewhere;
    gate.brief.hear(known.briefElsewhere, known.briefSpared);
    gate.reliefs += reliefsElsewhere - this.reliefsElsewhere;
    this.reliefsElsewhere = reliefsElsewhere;
    this.counted = gate.admitted;
  }

  /** A reply has come after which memory may be less. tell() must follow. */
  ease(): void {
    this.eased++;
  }

  /** Whether tell() is due. Check after each look at the pressure, which sets how far growth may go until the next look. */
  isDue(): boolean {
    this.count();
    if (Math.abs(this.gate.promised - this.toldPromised) >= PROMISE_STEP_BYTES) return true;
    const untold = (this.own - this.toldAdmitted) * this.workers;
    if (this.gate.admitted + untold >= this.gate.wakeAt) return true;
    this.gate.wakeAt -= untold;
    return false;
  }

  /** This worker's growth, to be sent to the primary. */
  tell(): Growth {
    const { gate } = this;
    this.count();
    this.toldAdmitted = this.own;
    this.toldPromised = gate.promised;
    return {
      admitted: this.own,
      admittedBy: Array.from(gate.admittedBy),
      answered: gate.answered,
      promised: gate.promised,
      reliefs: gate.reliefs - this.reliefsElsewhere,
      reliefsAnswered: gate.reliefsAnswered,
      eased: this.eased,
      briefStanding: gate.brief.standing,
      briefSpared: gate.brief.spared,
    };
  }

  private count(): void {
    const { admitted } = this.gate;
    this.own += (admitted - this.counted) / this.workers;
    this.counted = admitted;
  }
}
