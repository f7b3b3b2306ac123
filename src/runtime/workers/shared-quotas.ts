// One worker's part in what rules may be written by all workers together: tells the primary what it took of each rate, and
// settles what the others did. One question at a time: what is told is answered before more is told, so nothing is told
// twice or lost in an outbox.
import type { Quotas } from '../../core/policy/quota.js';
import type { QuotaNews, QuotaTakes } from './messages.js';

export class SharedQuotas {
  private asked = false;

  constructor(private readonly quotas: Quotas) {}

  /** What to tell now; undefined: no rule has a quota, or the last answer is still to come. hear() follows. */
  tell(): QuotaTakes | undefined {
    if (this.asked || !this.quotas.any) return undefined;
    this.asked = true;
    return this.quotas.all.flatMap(({ slot, writes, bytes }): QuotaTakes => {
      const taken = [slot, writes?.tell() ?? 0, bytes?.tell() ?? 0] as const;
      return taken[1] > 0 || taken[2] > 0 ? [taken] : [];
    });
  }

  /** The primary answers: what the others took since its last answer. */
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
