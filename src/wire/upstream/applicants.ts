// The clients that wait for a shared connection of one set. Owns their list. Invariant: each is answered once, or withdraws.
// An answered client is off the list, so it may apply again at once.

/** Waits for a shared connection. */
export interface Applicant {
  /** A connection can be had now: ask for it again. */
  granted(): void;
  /** No connection can be had now. */
  refused(error: Error): void;
  /** No connection can be had: the process may not open more of them. */
  crowded(): void;
}

export class Applicants {
  /** Since when they have been waiting. */
  private readonly since = new Map<Applicant, number>();

  get size(): number {
    return this.since.size;
  }

  add(applicant: Applicant): void {
    this.since.set(applicant, performance.now());
  }

  withdraw(applicant: Applicant): void {
    this.since.delete(applicant);
  }

  grant(): void {
    for (const applicant of this.takeAll()) applicant.granted();
  }

  crowd(): void {
    for (const applicant of this.takeAll()) applicant.crowded();
  }

  /** `until`: those that came later are not told. */
  refuse(reason: Error, until = Number.POSITIVE_INFINITY): void {
    for (const [applicant, since] of [...this.since]) {
      if (since > until) continue;
      this.since.delete(applicant);
      applicant.refused(reason);
    }
  }

  private takeAll(): Applicant[] {
    const all = [...this.since.keys()];
    this.since.clear();
    return all;
  }
}
