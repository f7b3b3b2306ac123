// The hands of a proxy with one process: they unlink the keys of its own ring.
import type { Candidate, Candidates } from './candidates.js';
import type { Hands, Progress } from './hands.js';
import type { KeySource } from './key-source.js';
import { LIKELY_BYTES, Observation } from './observation.js';
import { Owed } from './owed.js';
import { Unlinker, type UnlinkerOptions } from './unlinker.js';

export interface LocalHandsOptions extends Omit<UnlinkerOptions, 'source'> {
  /** A key of an observing rule would have been evicted. */
  readonly onWouldEvict: (slot: number, bytes: number) => void;
}

export class LocalHands implements Hands {
  private readonly unlinker: Unlinker;
  private readonly observation: Observation;
  private readonly owed = new Owed();
  /** For rules near their budget; undefined: no rule has been near it. */
  private budgets: Unlinker | undefined;

  constructor(
    private readonly known: () => Candidates,
    private readonly options: LocalHandsOptions,
  ) {
    this.unlinker = new Unlinker({ ...options, source: sourceOf(known) });
    this.observation = new Observation(known, options.onWouldEvict);
  }

  progress(): Progress {
    const { unlinker, observation } = this;
    const known = this.known();
    const { dry, trouble, blindToReads, meanLazyBytes } = unlinker;
    return {
      ...{ dry, trouble, blindToReads, meanLazyBytes },
      freed: unlinker.freed + (this.budgets?.freed ?? 0),
      observed: observation.bytes,
      stock: known.stock(),
      ring: known.fill,
    };
  }

  order(free: number | undefined, observe: number, urgent: boolean): void {
    if (free !== undefined) this.unlinker.free(free, urgent);
    this.observation.count(observe);
  }

  orderOf(owed: ReadonlyMap<number, number>): void {
    if (owed.size === 0 && this.budgets === undefined) return;
    this.owed.order(owed);
    this.budgets ??= new Unlinker({ ...this.options, source: owedSourceOf(this.known, this.owed) });
    this.budgets.free(this.owed.bytes);
  }

  close(): void {
    this.budgets?.close();
    this.unlinker.close();
  }
}

function sourceOf(known: () => Candidates): KeySource {
  return {
    take: (most, mostBytes) => known().take(most, mostBytes, false),
    current: (of) => of.filter(({ candidate }) => known().isCurrent(candidate)),
    again: (candidate: Candidate) => known().again(candidate),
    learn: (slot, bytes) => known().learn(slot, bytes),
  };
}

function owedSourceOf(known: () => Candidates, owed: Owed): KeySource {
  return {
    ...sourceOf(known),
    take: (most, mostBytes) => {
      for (let next = owed.next(); next !== undefined; next = owed.next()) {
        const taken = known().take(most, Math.min(mostBytes, next.bytes), false, next.slot);
        owed.took(
          next.slot,
          taken.reduce((sum, { bytes }) => sum + (bytes || LIKELY_BYTES), 0),
        );
        if (taken.length > 0) return taken;
      }
      return [];
    },
  };
}
