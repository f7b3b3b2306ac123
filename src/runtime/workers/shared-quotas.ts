// One worker's part of the limits and budgets that all workers share: reports to the primary what it has used of each rate and
// what it did to the keys of each budget, and takes over the others' figures. One report at a time: the next one waits for the
// answer, so no figure is counted twice or lost in an outbox.
import type { Quotas } from '../../core/policy/quota.js';
import type { HoldingsTold, QuotaNews, QuotaReport, QuotaTakes } from './messages.js';
import { RemoteHoldings } from './remote-holdings.js';

export class SharedQuotas {
  private asked = false;

  constructor(
    private readonly quotas: Quotas,
    private readonly workers: number,
  ) {
    this.watch();
  }

  /** After other rules were adopted: no write to a key of a new budget may be missed. */
  watch(): void {
    for (const quota of this.quotas.all)
      if (quota.budget !== undefined) quota.keys ??= new RemoteHoldings(quota, this.workers);
  }

  /** The next report; undefined: no rule has a quota, or the last report is not answered yet. hear() takes the answer. */
  tell(): QuotaReport | undefined {
    if (this.asked || !this.quotas.any) return undefined;
    this.asked = true;
    const takes = this.quotas.all.flatMap(({ slot, writes, bytes }): QuotaTakes => {
      const taken = [slot, writes?.tell() ?? 0, bytes?.tell() ?? 0] as const;
      return taken[1] > 0 || taken[2] > 0 ? [taken] : [];
    });
    const holdings = this.quotas.all.flatMap(({ keys }): HoldingsTold[] =>
      keys instanceof RemoteHoldings ? [keys.tell()] : [],
    );
    return { takes, holdings };
  }

  /** Takes the primary's answer: what the others have used since its last one, and the memory of the rules' keys. */
  hear({ taken, holdings }: QuotaNews): void {
    this.asked = false;
    const bySlot = new Map(taken.map((each) => [each[0], each]));
    for (const { slot, writes, bytes } of this.quotas.all) {
      const [, elsewhereWrites, elsewhereBytes] = bySlot.get(slot) ?? [slot, 0, 0];
      writes?.heard(elsewhereWrites);
      bytes?.heard(elsewhereBytes);
    }
    for (const news of holdings) {
      const keys = this.quotas.of(news.slot)?.keys;
      if (keys instanceof RemoteHoldings) keys.hear(news);
    }
  }
}
