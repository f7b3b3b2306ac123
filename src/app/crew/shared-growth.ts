// One worker's part in what all workers let through together: keeps its gate counting as if all growth passed it.
// What it let through itself since the others were last heard of counts for each of them, too: they likely do the same,
// and to hear of it takes a while. So many that write at once do not pass the limit together before they know.
// Invariants: gate.admitted is what all have let through, as far as is known, plus that; the others lack at most a step
// of this one, as long as tell() follows whenever it is due.
import type { ShedGate } from '../../policy/shed.js';
import type { GrowthKnown } from './messages.js';

export class SharedGrowth {
  /** What this worker let through, and what the gate had counted, when both were last looked at. */
  private own = 0;
  private counted = 0;
  private told = 0;

  constructor(
    private readonly gate: ShedGate,
    private readonly workers: number,
  ) {
    gate.gates = workers;
  }

  /** The primary says what it knows. */
  hear({ elsewhere, own }: GrowthKnown): void {
    this.count();
    const unheard = this.own - own;
    this.gate.admitted = elsewhere + own + unheard * this.workers;
    this.counted = this.gate.admitted;
  }

  /** To be asked behind each look at the pressure, which sets how far growth may go on until the next one. */
  isDue(): boolean {
    this.count();
    const untold = (this.own - this.told) * this.workers;
    if (this.gate.admitted + untold >= this.gate.wakeAt) return true;
    this.gate.wakeAt -= untold;
    return false;
  }

  /** What this worker has let through, bytes; the others will know. */
  tell(): number {
    this.count();
    this.told = this.own;
    return this.own;
  }

  private count(): void {
    const { admitted } = this.gate;
    this.own += (admitted - this.counted) / this.workers;
    this.counted = admitted;
  }
}
