// What all workers have used of the rules' limits, in the primary: passes each worker's figures on to the others, and keeps
// the sum in quotas of its own, for display.
// Invariants: a worker's figure reaches each other worker once; at most one entry for each rule waits for a worker.
import type { Quotas } from '../../core/policy/quota.js';
import type { QuotaNews, QuotaTakes } from './messages.js';

type Taken = [slot: number, writes: number, bytes: number];

export class TotalQuotas {
  /** For each worker: what the others have used since its last answer, by rule slot. */
  private readonly waiting = new Map<object, Map<number, Taken>>();

  constructor(private readonly quotas: Quotas) {}

  /** A worker has started. It assumes at most what is left of all rates. */
  welcome(worker: object): void {
    this.waiting.set(worker, new Map());
  }

  lose(worker: object): void {
    this.waiting.delete(worker);
  }

  /** Takes a worker's report; returns the answer. */
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
