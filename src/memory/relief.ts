// Behind a command that may free memory or change its limit (FLUSHALL, CONFIG SET maxmemory …) the last reading says
// nothing any more: refusing pauses until one that was asked for after the command's reply.
// A client must not hold the gate open by such commands in a loop, or by one that is never answered. So what passes during
// pauses is bounded, until a reading shows a change for the better, and so is the time that a reply may take.
// Pure: the clock comes with each call.
// Invariant: between two changes for the better at most the budget, and one step of the gate, passes by pauses.

/** Share of the limit, and bytes at least: a limit may have been set to next to nothing. */
const BUDGET = { share: 0.01, atLeast: 1024 * 1024 } as const;
const LONGEST_MS = 2000;

export class Relief {
  /** So many of these commands were answered when the last reading was asked for. */
  private covered = 0;
  private spent = 0;
  /** What had been let through when the pause was last looked at; -1: there is none. */
  private pausedAt = -1;
  /** Since when a command is not covered; -1: there is none. */
  private since = -1;

  /**
   * How much growth may still pass before refusing goes on; 0: there is no pause. To be asked whenever there is
   * something to refuse. `reliefs`: commands that have gone up; `admitted`: growth let through so far, with what large
   * writes have announced.
   */
  pause(reliefs: number, admitted: number, limitBytes: number, now: number): number {
    if (this.pausedAt >= 0) this.spent += Math.max(0, admitted - this.pausedAt);
    if (reliefs <= this.covered) this.since = -1;
    else if (this.since < 0) this.since = now;
    const due = this.since >= 0 && now - this.since < LONGEST_MS;
    const left = due ? Math.max(0, Math.max(BUDGET.share * limitBytes, BUDGET.atLeast) - this.spent) : 0;
    this.pausedAt = left > 0 ? admitted : -1;
    return left;
  }

  /** There is nothing to refuse: what passes is no matter of a pause. */
  none(): void {
    this.pausedAt = -1;
    this.since = -1;
  }

  /** A reading has come that shows what `covered` commands have done. `better`: other limits, or less need to refuse. */
  take(covered: number, better: boolean): void {
    if (covered !== this.covered) this.since = -1;
    this.covered = covered;
    if (better) this.spent = 0;
  }
}
