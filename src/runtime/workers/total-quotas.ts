// What all workers have used of the rules' limits and done to the keys of their budgets, in the primary: passes on to each
// worker what the others used of a rate, keeps the sum in quotas of its own, and replays writes into the samples of keys
// (memory/budgets).
// Invariants: a worker's figure reaches each other worker once; at most one entry for each rule waits for a worker.
import type { HeldKeys } from '../../core/policy/held-keys.js';
import { KeySample } from '../../core/policy/key-sample.js';
import type { Quota, Quotas } from '../../core/policy/quota.js';
import type { HoldingsNews, HoldingsTold, KeyTouch, QuotaNews, QuotaReport } from './messages.js';
import { Staying } from './staying.js';

type Taken = [slot: number, writes: number, bytes: number];

export class TotalQuotas {
  /** For each worker: what the others have used since its last answer, by rule slot. */
  private readonly waiting = new Map<object, Map<number, Taken>>();
  /** By slot. */
  private readonly staying = new Map<number, Staying>();

  constructor(private readonly quotas: Quotas) {}

  /** A worker has started. It assumes at most what is left of all rates. */
  welcome(worker: object): void {
    this.waiting.set(worker, new Map());
  }

  lose(worker: object): void {
    this.waiting.delete(worker);
  }

  /** Takes a worker's report; returns the answer. */
  hear(worker: object, { takes, holdings }: QuotaReport): QuotaNews {
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
    for (const told of holdings) this.touched(told);
    const taken = [...(this.waiting.get(worker)?.values() ?? [])];
    this.waiting.get(worker)?.clear();
    return { taken, holdings: this.quotas.all.flatMap((quota) => this.newsOf(quota)) };
  }

  private touched({ slot, cleared, missed, written, touches }: HoldingsTold): void {
    const quota = this.quotas.of(slot);
    if (quota?.keys === undefined) return;
    if (cleared) quota.keys.clear();
    for (const touch of touches) replay(quota.keys, touch);
    if (missed > 0 && quota.keys instanceof KeySample) quota.keys.gaps++;
    let staying = this.staying.get(slot);
    if (staying === undefined) {
      staying = new Staying();
      this.staying.set(slot, staying);
    }
    staying.see(written, quota.held);
  }

  private newsOf(quota: Quota): HoldingsNews[] {
    const { slot, budgetBytes, held, keys } = quota;
    if (!(keys instanceof KeySample)) return [];
    const stays = this.staying.get(slot)?.share ?? 1;
    return [{ slot, budgetBytes, held, stays, ...keys.scope }];
  }
}

function replay(keys: HeldKeys, { key, hash, ended, replaced, grown, changed, lifetime }: KeyTouch): void {
  const end = key.length;
  if (ended) keys.ended(key, 0, end, hash);
  if (replaced >= 0) keys.replaced(key, 0, end, hash, replaced, lifetime);
  if (grown > 0) keys.grown(key, 0, end, hash, grown, lifetime);
  if (changed) keys.changed(key, 0, end, hash, lifetime);
  if (replaced < 0 && grown === 0 && !changed && lifetime !== 0) keys.lives(key, 0, end, hash, lifetime);
}
