// One worker's share in limits that all workers observe together: reports what it has used of each rate to the primary, and
// takes over what the others have used. One report at a time: the next one waits for the answer, so no figure is counted
// twice or lost in an outbox.
import type { Quotas } from '../../core/policy/quota.js';
import type { QuotaNews, QuotaTakes } from './messages.js';

export class SharedQuotas {
  private asked = false;

  constructor(private readonly quotas: Quotas) {}

  /** The next report; undefined: no rule has a quota, or the last report is not answered yet. hear() takes the answer. */
  tell(): QuotaTakes | undefined {
    if (this.asked || !this.quotas.any) return undefined;
    this.asked = true;
    return this.quotas.all.flatMap(({ slot, writes, bytes }): QuotaTakes => {
      const taken = [slot, writes?.tell() ?? 0, bytes?.tell() ?? 0] as const;
      return taken[1] > 0 || taken[2] > 0 ? [taken] : [];
    });
  }

  /** Takes the primary's answer: what the others have used since its last one. */
  hear({ taken }: QuotaNews): void {
    this.asked = false;
    const bySlot = new Map(taken.map((each) => [each[0], each]));
    for (const { slot, writes, bytes } of this.quotas.all) {
      const [, elsewhereWrites, elsewhereBytes] = bySlot.get(slot) ?? [slot, 0, 0];
      writes?.heard(elsewhereWrites);
      bytes?.heard(elsewhereBytes);
    }
  }
}
