// The pause of shedding after a relief, a command that may free memory or change its limit (FLUSHALL, CONFIG SET maxmemory …).
// The last reading is then no longer true, so shedding pauses until a reading that was requested after the relief's reply.
// A client must not keep the gate open by reliefs in a loop, or by one that is never answered. So two things are bounded: the
// growth that passes in pauses until a reading shows an improvement, and the time that a reply may take. A relief without an
// answer for that time may stay so for hours (behind a BLPOP). Later reliefs pause as usual once the server has answered one.
// It is unknown which one it answered, so the youngest counts as answered.
// Pure: the clock comes with each call.
// Invariants: between two improvements at most the budget, and one step of the gate, passes in pauses; `open` has all reliefs
// that have gone up and are not covered, the oldest first, in some 20 entries.

/** Share of the limit, and at least this many bytes: the limit may have been set to next to nothing. */
const BUDGET = { share: 0.01, atLeast: 1024 * 1024 } as const;
const LONGEST_MS = 2000;
/** Commands that go up within this time count as one. */
const TOGETHER_MS = 100;

interface Open {
  readonly at: number;
  count: number;
}

export class Relief {
  /** How many of these commands have gone up, and how many were answered when the last reading was requested. */
  private gone = 0;
  private covered = 0;
  /** Those that are not covered: from the last LONGEST_MS by the time when they went up, and the number of older ones. */
  private readonly open: Open[] = [];
  private overdue = 0;
  /** The last one that was waited for was answered in time, or another one since. */
  private trusted = true;
  private spent = 0;
  /** The admitted growth when the pause was last checked; -1: there is no pause. */
  private pausedAt = -1;

  /**
   * How much growth may still pass before refusing continues; 0: there is no pause. To be asked whenever there is something to
   * refuse. `gone`: how many of these commands have gone up by now; `admitted`: growth admitted so far, including what large
   * writes have announced.
   */
  pause(gone: number, now: number, admitted: number, limitBytes: number): number {
    this.see(gone, now);
    if (this.pausedAt >= 0) this.spent += Math.max(0, admitted - this.pausedAt);
    const due = this.trusted && this.open.length > 0;
    const left = due ? Math.max(0, Math.max(BUDGET.share * limitBytes, BUDGET.atLeast) - this.spent) : 0;
    this.pausedAt = left > 0 ? admitted : -1;
    return left;
  }

  /** There is nothing to refuse: what passes does not count for a pause. */
  none(gone: number, now: number): void {
    this.see(gone, now);
    this.pausedAt = -1;
  }

  /**
   * A reading has come that shows the effect of `covered` commands. `better`: the limits have changed, or less must be refused.
   */
  take(gone: number, now: number, covered: number, better: boolean): void {
    this.see(gone, now);
    if (covered !== this.covered) this.trusted = true;
    this.covered = covered;
    if (better) this.spent = 0;
    let left = Math.max(0, this.gone - covered);
    this.overdue = Math.min(this.overdue, left);
    left -= this.overdue;
    for (const [i, entry] of this.open.entries()) {
      entry.count = Math.min(entry.count, left);
      left -= entry.count;
      if (entry.count === 0) {
        this.open.length = i;
        break;
      }
    }
  }

  /** This many commands have gone up by now. */
  private see(gone: number, now: number): void {
    const more = Math.min(gone - this.gone, gone - this.covered);
    this.gone = gone;
    while (this.open.length > 0 && now - this.open[0].at >= LONGEST_MS) {
      this.overdue += this.open.shift()?.count ?? 0;
      this.trusted = false;
    }
    if (more <= 0) return;
    const last = this.open.at(-1);
    if (last !== undefined && now - last.at < TOGETHER_MS) last.count += more;
    else this.open.push({ at: now, count: more });
  }
}
