// The hands of a proxy with workers, in the primary, which alone has the login: it unlinks the keys of their rings, each
// worker's on a connection of its own. It divides the removals among the workers by how many bytes each has of the
// lowest-priority rules with keys, so that each worker's oldest keys go.
// Invariant: the work of a worker that has ended still counts.
import type { Priority } from '../core/policy/rule.js';
import type { RingFill, RuleStock } from './candidates.js';
import type { Hands, Progress } from './hands.js';
import type { EvictAnswer, EvictAsk } from './messages.js';
import { Owed } from './owed.js';
import { RemoteSource } from './remote-source.js';
import { LAZY_BYTES, Unlinker, type UnlinkerOptions } from './unlinker.js';

/** As many keys as a worker gives at once. */
const LANES = 32;

interface Hand {
  readonly source: RemoteSource;
  readonly unlinker: Unlinker;
  /** For rules near their budget. */
  readonly owed: Owed;
  readonly owing: RemoteSource;
  budgets: Unlinker | undefined;
}

export interface WorkerHandsOptions extends Omit<UnlinkerOptions, 'source'> {
  readonly priorityOf: (slot: number) => Priority;
}

export class WorkerHands implements Hands {
  private readonly hands = new Map<object, Hand>();
  private freedBefore = 0;
  private observedBefore = 0;

  constructor(private readonly options: WorkerHandsOptions) {}

  /** A worker has started. `send` brings it a question. */
  welcome(worker: object, send: (ask: EvictAsk) => void): void {
    const source = new RemoteSource(send, this.options.clock);
    const unlinker = new Unlinker({ ...this.options, source, lanes: LANES });
    const owed = new Owed();
    const owing = new RemoteSource(send, this.options.clock, owed);
    this.hands.set(worker, { source, unlinker, owed, owing, budgets: undefined });
  }

  hear(worker: object, answer: EvictAnswer): void {
    const hand = this.hands.get(worker);
    (answer.purpose === 'budgets' ? hand?.owing : hand?.source)?.hear(answer);
  }

  /** A worker has ended. */
  lose(worker: object): void {
    const hand = this.hands.get(worker);
    if (hand === undefined) return;
    this.hands.delete(worker);
    this.freedBefore += freedBy(hand);
    this.observedBefore += hand.source.observed;
    hand.unlinker.close();
    hand.source.close();
    hand.budgets?.close();
    hand.owing.close();
  }

  progress(): Progress {
    const all = [...this.hands.values()];
    const sum = (value: (hand: Hand) => number): number =>
      all.reduce((total, hand) => total + value(hand), 0);
    return {
      freed: this.freedBefore + sum(freedBy),
      observed: this.observedBefore + sum(({ source }) => source.observed),
      dry: all.every(({ unlinker }) => unlinker.dry),
      trouble: all.find(({ unlinker }) => unlinker.trouble !== undefined)?.unlinker.trouble,
      blindToReads: all.some(({ unlinker }) => unlinker.blindToReads),
      meanLazyBytes: Math.max(LAZY_BYTES, ...all.map(({ unlinker }) => unlinker.meanLazyBytes)),
      stock: added(all.map(({ source }) => source.stock)),
      ring: addedFill(all.map(({ source }) => source.ring)),
    };
  }

  order(free: number | undefined, observe: number, urgent: boolean): void {
    const all = [...this.hands.values()];
    const shares = sharesOf(
      all.map(({ source }) => source.stock),
      free ?? 0,
      this.options.priorityOf,
    );
    for (const [i, { unlinker, source }] of all.entries()) {
      if (free !== undefined) unlinker.free(shares[i], urgent);
      source.look(observe / all.length);
    }
  }

  orderOf(owed: ReadonlyMap<number, number>): void {
    const all = [...this.hands.values()];
    for (const hand of all) {
      if (owed.size === 0 && hand.budgets === undefined) continue;
      hand.owed.order(new Map([...owed].map(([slot, bytes]) => [slot, bytes * this.part(hand, slot)])));
      hand.budgets ??= new Unlinker({ ...this.options, source: hand.owing, lanes: LANES });
      hand.budgets.free(hand.owed.bytes);
    }
  }

  /** The share of the rule's known keys that this worker has. */
  private part({ source }: Hand, slot: number): number {
    const bytesOf = (one: RemoteSource): number => one.stock.find((rule) => rule.slot === slot)?.bytes ?? 0;
    const sum = [...this.hands.values()].reduce((bytes, hand) => bytes + bytesOf(hand.source), 0);
    return sum === 0 ? 1 / this.hands.size : bytesOf(source) / sum;
  }

  close(): void {
    for (const worker of [...this.hands.keys()]) this.lose(worker);
  }
}

function freedBy({ unlinker, budgets }: Hand): number {
  return unlinker.freed + (budgets?.freed ?? 0);
}

/** How many of `bytes` each must free, by what each has: rules of the lowest priority first, and of each rule its part. */
export function sharesOf(
  stocks: readonly (readonly RuleStock[])[],
  bytes: number,
  priorityOf: (slot: number) => Priority,
): number[] {
  const shares = stocks.map(() => 0);
  const priorities = new Set(stocks.flat().map(({ slot }) => priorityOf(slot)));
  let left = bytes;
  for (const priority of [...priorities].sort((a, b) => a - b)) {
    const has = stocks.map((stock) =>
      stock.reduce((sum, rule) => sum + (priorityOf(rule.slot) === priority ? rule.bytes : 0), 0),
    );
    const total = has.reduce((sum, each) => sum + each, 0);
    if (total === 0 || left <= 0) continue;
    const part = Math.min(1, left / total);
    for (const [i, each] of has.entries()) shares[i] += each * part;
    left -= total * part;
  }
  // What was written since their last report: each may have some.
  return left > 0 ? shares.map((share) => share + left / shares.length) : shares;
}

function added(stocks: readonly (readonly RuleStock[])[]): RuleStock[] {
  const bySlot = new Map<number, RuleStock>();
  for (const { slot, keys, bytes, oldestMs } of stocks.flat()) {
    const before = bySlot.get(slot) ?? { slot, keys: 0, bytes: 0, oldestMs: 0 };
    bySlot.set(slot, {
      slot,
      keys: before.keys + keys,
      bytes: before.bytes + bytes,
      oldestMs: Math.max(before.oldestMs, oldestMs),
    });
  }
  return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
}

function addedFill(fills: readonly RingFill[]): RingFill {
  return fills.reduce(
    (sum, { keys, bytes, capacityBytes, dropped }) => ({
      keys: sum.keys + keys,
      bytes: sum.bytes + bytes,
      capacityBytes: sum.capacityBytes + capacityBytes,
      dropped: sum.dropped + dropped,
    }),
    { keys: 0, bytes: 0, capacityBytes: 0, dropped: 0 },
  );
}
