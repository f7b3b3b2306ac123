// Which rules must make room among their own keys because they are near their budget, and how much each still owes. Pure.
// Invariants: a rule begins at START of its budget and ends at STOP, both below the share from which keys are refused
// (core/policy/quota); a rule whose budget is unknown owes nothing.

/** The memory of the keys of a rule with budget and evict. */
export interface BudgetState {
  readonly slot: number;
  readonly heldBytes: number;
  readonly budgetBytes: number;
}

const START = 0.85;
const STOP = 0.8;

export class Owed {
  private readonly active = new Set<number>();
  private left = new Map<number, number>();

  /** Sets the present state. What was owed before no longer counts. */
  see(states: readonly BudgetState[]): void {
    this.left = new Map();
    for (const { slot, heldBytes, budgetBytes } of states) {
      if (heldBytes > START * budgetBytes) this.active.add(slot);
      else if (heldBytes <= STOP * budgetBytes) this.active.delete(slot);
      if (this.active.has(slot) && budgetBytes > 0) this.left.set(slot, heldBytes - STOP * budgetBytes);
    }
  }

  /** By rule. */
  get all(): ReadonlyMap<number, number> {
    return this.left;
  }

  get bytes(): number {
    return [...this.left.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  owes(slot: number): boolean {
    return this.left.has(slot);
  }

  /** Takes another process's orders, instead of see(). */
  order(owed: ReadonlyMap<number, number>): void {
    this.left = new Map(owed);
  }

  /** The rule that owes most; undefined: none owes anything. */
  next(): { readonly slot: number; readonly bytes: number } | undefined {
    let most: { slot: number; bytes: number } | undefined;
    for (const [slot, bytes] of this.left) if (bytes > (most?.bytes ?? 0)) most = { slot, bytes };
    return most;
  }

  /** Keys of this many bytes were chosen; none: no keys of the rule are known. */
  took(slot: number, bytes: number): void {
    const left = (this.left.get(slot) ?? 0) - bytes;
    if (left > 0 && bytes > 0) this.left.set(slot, left);
    else this.left.delete(slot);
  }
}
