// What all workers took of the rates of rules, in the primary: passes on to each what the others took, and keeps the sum in
// quotas of its own, to be shown.
// Invariants: what a worker says is told to each other worker once; what waits for a worker is one entry a rule.
import type { Quotas } from '../../core/policy/quota.js';
import type { QuotaNews, QuotaTakes } from './messages.js';

type Taken = [slot: number, writes: number, bytes: number];

export class TotalQuotas {
  /** By worker: what others took since its last answer, by slot. */
  private readonly waiting = new Map<object, Map<number, Taken>>();

  constructor(private readonly quotas: Quotas) {}

  /** A worker begins with what is left of all rates at most. */
  welcome(worker: object): void {
    this.waiting.set(worker, new Map());
  }

  lose(worker: object): void {
    this.waiting.delete(worker);
  }

  /** A worker says what it took; returns the answer. */
  hear(worker: object, takes: QuotaTakes): QuotaNews {
    for (const [slot, writes, bytes] of takes) {
      const quota = this.quotas.of(slot);
      quota?.writes?.take(writes);
      quota?.bytes?.take(bytes);
      for (const [other, waiting] of this.waiting) {
        if (other === worker) continue;
        const before = waiting.get(slot);
        waiting.set(slot, [slot, writes + (before?.[1] ?? 0), bytes + (before?.[2] ?? 0)]);
      }
    }
    const taken = [...(this.waiting.get(worker)?.values() ?? [])];
    this.waiting.get(worker)?.clear();
    return { taken };
  }
}
