// Makes room in rules that are near their budget. What the rings know of such a rule goes by the hands. If the rule holds more
// than they know, from before the start, or written by others, SCAN finds its keys first: those that were idle for longest. If
// SCAN is too slow for the writes, the hands help.
// Invariants: of a rule no more goes than it owes, a batch aside; without a rule near its budget it asks the server nothing.
import type { RuleStock } from './candidates.js';
import type { EvictorOptions } from './evictor-options.js';
import type { KeySource } from './key-source.js';
import { type BudgetState, Owed } from './owed.js';
import { ScanSource } from './scan-source.js';
import { Unlinker } from './unlinker.js';

/** More than this share of the budget is unknown to the rings: they do not know all of the rule's keys. */
const UNLISTED = 0.05;
const LASTING_MS = 1000;
/** What is above this share of the budget is not left to SCAN. */
const HANDS_FROM = 0.88;

type BudgetRoomOptions = Pick<EvictorOptions, 'endpoint' | 'clock' | 'knows' | 'onEvicted' | 'onGone'> & {
  readonly rules: () => EvictorOptions['rules'];
};

export class BudgetRoom {
  private readonly owed = new Owed();
  /** What is left to SCAN. */
  private readonly left = new Owed();
  private readonly scan: ScanSource;
  /** Since when a rule holds more than the rings know. */
  private readonly since = new Map<number, number>();
  /** The rules whose keys a walk collects. */
  private readonly covered = new Set<number>();
  /** undefined: SCAN was not needed yet. */
  private unlinker: Unlinker | undefined;

  constructor(private readonly options: BudgetRoomOptions) {
    const { endpoint, clock, knows, rules } = options;
    const onFound = (): void => this.unlinker?.free(this.left.bytes);
    this.scan = new ScanSource({
      endpoint,
      clock,
      knows,
      rules,
      onFound,
      wants: (slot) => this.covered.has(slot),
    });
  }

  /** The present state. Returns what the hands must free, by slot. */
  look(states: readonly BudgetState[], stock: readonly RuleStock[]): ReadonlyMap<number, number> {
    const { owed, left, scan } = this;
    owed.see(states);
    const byHands = new Map(owed.all);
    const byScan = new Map<number, number>();
    // Where SCAN finds nothing, the estimate is wrong, or the rings know them.
    const finds = scan.finds && !scan.foundNone;
    for (const state of states) {
      const { slot, heldBytes, budgetBytes } = state;
      const bytes = owed.all.get(slot);
      if (!this.isUnlisted(state, stock) || bytes === undefined) continue;
      byScan.set(slot, bytes);
      if (!finds) continue;
      const helped = heldBytes - HANDS_FROM * budgetBytes;
      if (helped > 0) byHands.set(slot, helped);
      else byHands.delete(slot);
    }
    this.cover(byScan.keys());
    left.order(byScan);
    if (byScan.size > 0) {
      this.unlinker ??= this.newUnlinker();
      scan.walkOn();
    }
    this.unlinker?.free(left.bytes);
    return byHands;
  }

  /** Estimated bytes that were freed with the help of SCAN. */
  get freed(): number {
    return this.unlinker?.freed ?? 0;
  }

  get trouble(): string | undefined {
    return this.unlinker?.trouble;
  }

  /** Other rules apply. */
  startOver(): void {
    this.covered.clear();
    this.since.clear();
    this.scan.startOver();
  }

  close(): void {
    this.scan.close();
    this.unlinker?.close();
  }

  /** Whether the rings have not known all of the rule's keys for some time: workers report theirs late. */
  private isUnlisted({ slot, heldBytes, budgetBytes }: BudgetState, stock: readonly RuleStock[]): boolean {
    const listed = stock.find((each) => each.slot === slot)?.bytes ?? 0;
    if (heldBytes - listed <= UNLISTED * budgetBytes) {
      this.since.delete(slot);
      return false;
    }
    const now = this.options.clock();
    const since = this.since.get(slot) ?? now;
    this.since.set(slot, since);
    return now - since >= LASTING_MS;
  }

  /** The walk begins anew if it has passed keys of one of these rules without collecting them. */
  private cover(slots: Iterable<number>): void {
    const { covered, scan } = this;
    const before = covered.size;
    for (const slot of slots) covered.add(slot);
    if (covered.size > before) scan.startOver();
  }

  private newUnlinker(): Unlinker {
    const { endpoint, clock, onEvicted, onGone } = this.options;
    const { scan } = this;
    const source: KeySource = {
      take: (most, mostBytes) => this.take(most, mostBytes),
      current: (of) => scan.current(of),
      again: () => scan.again(),
      learn: (slot, bytes) => scan.learn(slot, bytes),
    };
    return new Unlinker({ endpoint, clock, onEvicted, onGone, source, asksAll: true });
  }

  private take(most: number, mostBytes: number) {
    const { left, scan } = this;
    const taken = [];
    while (taken.length < most) {
      const some = scan.take(most - taken.length, mostBytes);
      if (some.length === 0) break;
      for (const candidate of some) {
        // Those of rules that have room by now are left out; a later walk finds them again.
        if (!left.owes(candidate.slot)) continue;
        left.took(candidate.slot, this.unlinker?.meanBytes ?? 0);
        taken.push(candidate);
      }
    }
    return taken;
  }
}
