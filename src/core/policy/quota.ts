// What a rule may still write and hold: its token buckets, its largest write, and the share of its keys that its budget
// refuses. One for each rule with a limit or a budget, by slot: a rule that stays keeps its own across reloads.
// Numbers only, read and written on the hot path. The caller with the clock refills them, and memory/budgets sets the threshold.
// Invariant: refusal() changes nothing; take() is called once for each key that a forwarded write grows.
import { OOM_REPLY, refusalReplyNumber } from '../resp/refusal-replies.js';
import type { HeldKeys } from './held-keys.js';
import { Refusal } from './refusal.js';
import type { Rule, RuleBudget, RuleLimit } from './rule.js';
import { ALL } from './shed.js';
import { TokenBucket } from './token-bucket.js';

/** Share of a budget from which on keys are refused. */
const BAND = 0.9;

export class Quota {
  writes: TokenBucket | undefined;
  bytes: TokenBucket | undefined;
  /** The largest write, bytes on the wire; 0: any. */
  valueBytes = 0;
  /** The number of the error for writes that its limit refuses (resp/refusal-replies). */
  reply = OOM_REPLY;
  budget: RuleBudget | undefined;
  /** The budget in bytes; 0: none, or a share of an unknown limit. */
  budgetBytes = 0;
  /** The estimated memory of the rule's keys. */
  held = 0;
  /** A key with a lower share hash is refused, because the rule's keys have used up the budget. */
  threshold = 0;
  /** Hears of each write to the rule's keys, while the rule has a budget. */
  keys: HeldKeys | undefined;

  /** `takers`: processes that share its rates. */
  constructor(
    readonly slot: number,
    private readonly takers: number,
  ) {}

  /** Applies these settings from now on, and keeps what was taken and held under others. */
  adopt(limit: RuleLimit | undefined, budget: RuleBudget | undefined): void {
    this.writes = bucket(this.writes, limit?.writesPerSecond ?? 0, this.takers);
    this.bytes = bucket(this.bytes, limit?.bytesPerSecond ?? 0, this.takers);
    this.valueBytes = limit?.valueBytes ?? 0;
    this.reply = limit?.error === undefined ? OOM_REPLY : refusalReplyNumber(limit.error);
    this.budget = budget;
    if (budget !== undefined) return;
    this.keys = undefined;
    this.budgetBytes = 0;
    this.holds(0);
  }

  /** Whether a growing write of `bytes` is refused for none of its keys: then refusal() need not be called. */
  passes(bytes: number): boolean {
    const { threshold, valueBytes, writes } = this;
    if (threshold > 0 || (valueBytes > 0 && bytes > valueBytes)) return false;
    return (writes === undefined || writes.open) && (this.bytes === undefined || this.bytes.open);
  }

  /** Whether, and why, a growing write of `bytes` to a key with this share hash is refused. */
  refusal(share: number, bytes: number): Refusal {
    if (this.valueBytes > 0 && bytes > this.valueBytes) return Refusal.VALUE;
    if (this.writes?.open === false || this.bytes?.open === false) return Refusal.RATE;
    return this.refusalByBudget(share);
  }

  /** Whether a write of unknown size to a key with this share hash is refused. */
  refusalByBudget(share: number): Refusal {
    return share < this.threshold ? Refusal.BUDGET : Refusal.NONE;
  }

  /** The rule's keys hold this much. Refusals begin at BAND of the budget and reach all keys at all of it. */
  holds(held: number): void {
    this.held = held;
    const share = this.budgetBytes > 0 ? (held / this.budgetBytes - BAND) / (1 - BAND) : 0;
    this.threshold = Math.min(1, Math.max(0, share)) * ALL;
  }

  /** A growing write of `bytes` to one of its keys passes. */
  take(bytes: number): void {
    this.writes?.take(1);
    this.bytes?.take(bytes);
  }

  /** A copy, to try a write that is not sent. */
  copy(): Quota {
    const copy = new Quota(this.slot, 1);
    copy.writes = this.writes?.copy();
    copy.bytes = this.bytes?.copy();
    copy.valueBytes = this.valueBytes;
    copy.reply = this.reply;
    copy.budget = this.budget;
    copy.budgetBytes = this.budgetBytes;
    copy.held = this.held;
    copy.threshold = this.threshold;
    return copy;
  }

  refill(ms: number): void {
    this.writes?.refill(ms);
    this.bytes?.refill(ms);
  }
}

function bucket(known: TokenBucket | undefined, perSecond: number, takers: number): TokenBucket | undefined {
  if (perSecond === 0) return undefined;
  known?.setRate(perSecond);
  return known ?? new TokenBucket(perSecond, takers);
}

export class Quotas {
  /** By slot. */
  private bySlot: (Quota | undefined)[] = [];
  /** Those of the present rules. */
  private present: Quota[] = [];
  private budgets = false;
  private refilledAt = Number.NaN;

  /** `takers`: processes that share the rates. */
  constructor(
    private readonly takers = 1,
    rules: readonly Rule[] = [],
  ) {
    this.adopt(rules);
  }

  /** Whether some rule has a limit or a budget. */
  get any(): boolean {
    return this.present.length > 0;
  }

  /** Whether some rule has a budget. */
  get anyBudget(): boolean {
    return this.budgets;
  }

  get all(): readonly Quota[] {
    return this.present;
  }

  /** Applies these rules from now on. Rules that stay, by slot, keep what they have. */
  adopt(rules: readonly Rule[]): void {
    const before = this.bySlot;
    this.bySlot = [];
    this.present = [];
    for (const { slot, limit, budget } of rules) {
      if (limit === undefined && budget === undefined) continue;
      const quota = before[slot] ?? new Quota(slot, this.takers);
      quota.adopt(limit, budget);
      this.bySlot[slot] = quota;
      this.present.push(quota);
    }
    this.budgets = this.present.some(({ budget }) => budget !== undefined);
  }

  /** Of the rule in this slot; undefined: it has neither limit nor budget. */
  of(slot: number): Quota | undefined {
    return this.bySlot[slot];
  }

  /** A copy, to try a write that is not sent. */
  copy(): Quotas {
    const copy = new Quotas();
    for (const quota of this.present) {
      copy.bySlot[quota.slot] = quota.copy();
      copy.present.push(copy.bySlot[quota.slot] as Quota);
    }
    return copy;
  }

  /** Must be called often: adds the tokens since the last call. `now`: monotonic milliseconds. */
  refill(now: number): void {
    const ms = now - this.refilledAt;
    this.refilledAt = now;
    if (!(ms > 0)) return;
    for (const quota of this.present) quota.refill(ms);
  }
}
