// Notices when a rule begins to refuse writes for a reason of its own, and when that ends, for the log and the events. It only
// receives the counters. Refusals that follow the pressure are not its concern: level changes are reported elsewhere.
// Invariants: each begin is reported once, then its end; one entry for each rule and reason that refuses now; one look reports
// at most MOST changes, and how many it left out.

const QUIET_MS = 60_000;
const MOST = 20;

export interface RefusalChange {
  readonly rule: string;
  readonly reason: string;
  /** How many writes were refused from the beginning to the end; undefined: this is the beginning. */
  readonly refused: number | undefined;
}

interface Counted {
  readonly name: string;
  readonly shedBy: Readonly<Partial<Record<string, number>>>;
}

interface Ongoing {
  readonly before: number;
  count: number;
  lastAt: number;
}

export class RefusalWatch {
  /** By rule, by reason: the counts of the last look. */
  private counts = new Map<string, Counted['shedBy']>();
  private readonly ongoing = new Map<string, Map<string, Ongoing>>();

  constructor(private readonly reasons: readonly string[]) {}

  /** `at`: monotonic milliseconds. `rules`: all present ones, with their counts since the start. */
  take(at: number, rules: readonly Counted[]): { changes: RefusalChange[]; leftOut: number } {
    const changes: RefusalChange[] = [];
    const counts = new Map<string, Counted['shedBy']>();
    for (const { name, shedBy } of rules) {
      const before = this.counts.get(name);
      for (const reason of this.reasons) {
        const count = shedBy[reason] ?? 0;
        if (count === 0) continue;
        counts.set(name, shedBy);
        if (this.rises(name, reason, before?.[reason] ?? 0, count, at))
          changes.push({ rule: name, reason, refused: undefined });
      }
    }
    this.counts = counts;
    changes.push(...this.ended(at));
    return { changes: changes.slice(0, MOST), leftOut: Math.max(0, changes.length - MOST) };
  }

  /** Returns whether this is the beginning. */
  private rises(rule: string, reason: string, before: number, count: number, at: number): boolean {
    if (count === before) return false;
    const reasons = this.ongoing.get(rule) ?? new Map<string, Ongoing>();
    this.ongoing.set(rule, reasons);
    const known = reasons.get(reason);
    reasons.set(reason, { before: known?.before ?? before, count, lastAt: at });
    return known === undefined;
  }

  private ended(at: number): RefusalChange[] {
    const changes: RefusalChange[] = [];
    for (const [rule, reasons] of this.ongoing) {
      for (const [reason, { before, count, lastAt }] of reasons) {
        if (at - lastAt < QUIET_MS) continue;
        reasons.delete(reason);
        changes.push({ rule, reason, refused: count - before });
      }
      if (reasons.size === 0) this.ongoing.delete(rule);
    }
    return changes;
  }
}
