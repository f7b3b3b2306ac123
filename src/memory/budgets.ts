// Estimates the memory of the keys of rules with a budget, by a sample of keys for each rule (core/policy/key-sample), which
// sees the writes itself. This file asks the server for what writes do not show: it measures keys that were just written, or
// not for long (MEMORY USAGE, PTTL), and finds older keys by SCAN. All at a bounded rate, on the monitor's connection. A key
// that exists in several databases counts as one key with the memory of all databases in which its rule applies. Until the
// first SCAN is finished and its keys are measured, the estimate is a lower bound; random keys that the monitor examines may
// show that it is higher.
// Invariants: one question at a time; without a rule with a budget, no memory and no question.
import type { Logger } from 'pino';
import { hashKey } from '../core/policy/hash.js';
import { Lifetime } from '../core/policy/held-keys.js';
import { type DueKey, KeySample } from '../core/policy/key-sample.js';
import type { Quota, Quotas } from '../core/policy/quota.js';
import type { RuleSet } from '../core/policy/rule-set.js';
import { Denial } from './denial.js';
import type { Ask, Question } from './question.js';
import { MOST_EXAMINED, parseDatabases } from './reading.js';
import type { BudgetMethod, BudgetSnapshot } from './snapshot.js';

export interface BudgetsOptions {
  readonly quotas: Quotas;
  /** The limit of which budgets are shares, in bytes; 0: unknown. */
  readonly limitBytes: () => number;
  readonly ask: Ask;
  /**
   * The memory of a rule's keys by random keys, with half of the 95% confidence interval; undefined: unknown. Until all keys
   * are found this is better than the sum of the counted ones.
   */
  readonly sampled?: (slot: number) => { readonly bytes: number; readonly errorBytes: number } | undefined;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly log: Logger;
}

/** The most entries of all samples together, and of one. */
const ALL_ENTRIES = 64 * 1024;
const MOST_ENTRIES = 4096;
const LOOK_MS = 50;
/** Keys measured in each round (1,000 a second), and keys that SCAN passes (10,000 a second). */
const MEASURED = 50;
const SCANNED = 500;
/** How many elements of a collection MEMORY USAGE reads: some 5 µs. */
const SAMPLES = 100;
/** An estimate by random keys counts if its error is at most this share of it. */
const SURE = 0.25;
/** Between two walks over all keys; and after writes were missed. */
const WALK_EVERY_MS = 5 * 60_000;
const WALK_AGAIN_MS = 1000;
const DENIED =
  'budgets: cannot look at keys, so Spillway estimates the memory of rules from their writes alone; give the user of upstream.url the rights to SELECT, SCAN, PTTL and MEMORY USAGE';

export class Budgets {
  private samples = new Map<number, KeySample>();
  /** By slot: the least memory of its keys, by random keys. */
  private readonly floors = new Map<number, number>();
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  private readonly denial: Denial;
  private databases: number[] = [0];
  /** The position of the walk; undefined: none is under way. */
  private walk: { readonly left: number[]; cursor: string; readonly clears: number } | undefined;
  private walkedAt = Number.NEGATIVE_INFINITY;
  private counted = false;
  private turn = 0;
  private clearsSeen = 0;
  private gapsSeen = 0;

  constructor(
    private rules: RuleSet,
    private readonly options: BudgetsOptions,
  ) {
    const refuses = (): boolean => options.quotas.all.some(({ threshold }) => threshold > 0);
    this.denial = new Denial(DENIED, options.clock, options.log, refuses);
  }

  /** Applies these rules from now on. */
  adopt(rules: RuleSet): void {
    this.rules = rules;
    const { quotas } = this.options;
    const watched = quotas.all.filter(({ budget }) => budget !== undefined);
    const before = this.samples;
    this.samples = new Map();
    const most = Math.min(MOST_ENTRIES, Math.floor(ALL_ENTRIES / Math.max(1, watched.length)));
    for (const quota of watched) {
      const known = before.get(quota.slot);
      const sample =
        known ?? new KeySample(most, (held) => quota.holds(Math.max(held, this.floors.get(quota.slot) ?? 0)));
      if (known === undefined) this.startOver();
      quota.keys = sample;
      this.samples.set(quota.slot, sample);
    }
    if (this.samples.size > 0) this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
    else this.close();
    this.look();
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  sampleOf(slot: number): KeySample | undefined {
    return this.samples.get(slot);
  }

  /** In the order of the rules. */
  snapshot(): BudgetSnapshot[] {
    return this.all().map(({ quota, sample }) => ({
      rule: this.rules.rules.find(({ slot }) => slot === quota.slot)?.name ?? '',
      budgetBytes: quota.budgetBytes || null,
      heldBytes: Math.round(quota.held),
      refusedShare: quota.threshold / 2 ** 32,
      sampledKeys: sample.size,
      sampledShare: sample.fraction,
      method: this.method,
    }));
  }

  get method(): BudgetMethod {
    if (this.denial.isInForce) return 'written';
    return this.counted ? 'measured' : 'counting';
  }

  private all(): { quota: Quota; sample: KeySample }[] {
    return this.options.quotas.all.flatMap((quota) => {
      const sample = this.samples.get(quota.slot);
      return sample === undefined ? [] : [{ quota, sample }];
    });
  }

  /** While keys are still to be found: the estimate by random keys, if it is reliable enough. */
  private setFloor(slot: number): void {
    const sampled = this.counted ? undefined : this.options.sampled?.(slot);
    if (sampled === undefined || sampled.errorBytes > SURE * sampled.bytes) this.floors.delete(slot);
    else this.floors.set(slot, sampled.bytes);
  }

  private startOver(): void {
    this.counted = false;
    this.walk = undefined;
    this.walkedAt = Number.NEGATIVE_INFINITY;
  }

  private look(): void {
    const now = this.options.clock();
    const limit = this.options.limitBytes();
    const due: DueKey[] = [];
    const all = this.all();
    this.turn++;
    for (let i = 0; i < all.length; i++) {
      // A different one is first in each look, and so has all of it if it needs to.
      const { quota, sample } = all[(i + this.turn) % all.length];
      sample.now = now;
      const { budget } = quota;
      quota.budgetBytes = budget === undefined ? 0 : 'bytes' in budget ? budget.bytes : budget.share * limit;
      sample.budgetBytes = quota.budgetBytes;
      sample.look(due, MEASURED - due.length);
      this.setFloor(quota.slot);
      quota.holds(Math.max(sample.held, this.floors.get(quota.slot) ?? 0));
    }
    if (this.asking || all.length === 0 || this.denial.isInForce) return;
    this.asking = true;
    void this.ask(due)
      .catch(() => {})
      .finally(() => {
        this.asking = false;
      });
  }

  private async ask(due: readonly DueKey[]): Promise<void> {
    await this.measure(due);
    await this.walkOn();
    if (!this.counted && this.walk === undefined && this.walkedAt > 0)
      this.counted = this.all().every(({ sample }) => sample.unmeasured === 0);
  }

  private async measure(due: readonly DueKey[]): Promise<void> {
    if (due.length === 0) return;
    const { databases } = this;
    const questions = databases.flatMap((db): Question[] => [
      ['select', db],
      ...due.flatMap(({ key }): Question[] => {
        const name = Buffer.from(key.buffer, key.byteOffset, key.length);
        return [
          ['memory', 'usage', name, 'samples', SAMPLES],
          ['pttl', name],
        ];
      }),
    ]);
    const answers = await this.options.ask(questions);
    if (this.denial.isIn(answers)) return;
    const width = 1 + 2 * due.length;
    for (const [i, key] of due.entries()) {
      for (const [slot, sample] of this.samples) {
        const counting = this.rules.rules.find((rule) => rule.slot === slot)?.databases;
        let bytes = -1;
        let lifetime = 0;
        for (const [at, db] of databases.entries()) {
          if (counting?.includes(db) === false) continue;
          const [usageFailed, usage] = answers[at * width + 1 + 2 * i];
          const [, pttl] = answers[at * width + 2 + 2 * i];
          if (usageFailed !== null || typeof usage !== 'number') continue;
          bytes = Math.max(0, bytes) + usage;
          lifetime = Math.max(lifetime, typeof pttl === 'number' && pttl >= 0 ? pttl : Lifetime.NONE);
        }
        sample.measured(key, bytes, lifetime);
      }
    }
  }

  /** The next page of the walk, or its beginning. */
  private async walkOn(): Promise<void> {
    const clears = this.all().reduce((sum, { sample }) => sum + sample.clears, 0);
    if (this.walk !== undefined && this.walk.clears !== clears) this.walk = undefined;
    const now = this.options.clock();
    if (this.walk === undefined) {
      const gaps = this.all().reduce((sum, { sample }) => sum + sample.gaps, 0);
      const every = this.gapsSeen === gaps ? WALK_EVERY_MS : WALK_AGAIN_MS;
      if (now - this.walkedAt < every && this.clearsSeen === clears) return;
      this.clearsSeen = clears;
      this.gapsSeen = gaps;
      await this.beginWalk(clears);
      return;
    }
    const { walk } = this;
    const [db] = walk.left;
    const answers = await this.options.ask([
      ['select', db],
      ['scanBuffer', walk.cursor, 'count', SCANNED],
    ]);
    if (this.denial.isIn(answers)) return;
    const [failed, page] = answers[1];
    if (failed !== null) throw failed;
    const [cursor, keys] = page as [Buffer, Buffer[]];
    const rules = this.rules.view(db, undefined);
    for (const key of keys) this.found(key, rules);
    walk.cursor = String(cursor);
    if (walk.cursor !== '0') return;
    walk.left.shift();
    if (walk.left.length > 0) return;
    this.walk = undefined;
    this.walkedAt = now;
    for (const { sample } of this.all()) sample.endWalk();
  }

  private async beginWalk(clears: number): Promise<void> {
    const answers = await this.options.ask([['info', 'keyspace']]);
    if (this.denial.isIn(answers)) return;
    const used = parseDatabases(String(answers[0][1]));
    this.databases = [...new Set([0, ...used])].slice(0, MOST_EXAMINED);
    for (const { sample } of this.all()) sample.beginWalk();
    this.walk = { left: [...this.databases], cursor: '0', clears };
  }

  /**
   * `rules`: those of the key's database. Who wrote the key is unknown, so rules for a user have only the keys that they see
   * written.
   */
  private found(key: Buffer, rules: RuleSet): void {
    this.samples.get(rules.find(key, 0, key.length).slot)?.found(key, hashKey(key, 0, key.length));
  }
}
