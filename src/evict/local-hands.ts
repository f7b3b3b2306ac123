// The hands of a proxy with one process: they unlink the keys of its own ring.
import type { Candidate, Candidates } from './candidates.js';
import type { Hands, Progress } from './hands.js';
import type { KeySource } from './key-source.js';
import { Observation } from './observation.js';
import { Unlinker, type UnlinkerOptions } from './unlinker.js';

export interface LocalHandsOptions extends Omit<UnlinkerOptions, 'source'> {
  /** A key of a rule that observes would have gone. */
  readonly onWouldEvict: (slot: number, bytes: number) => void;
}

export class LocalHands implements Hands {
  private readonly unlinker: Unlinker;
  private readonly observation: Observation;

  constructor(
    private readonly known: () => Candidates,
    options: LocalHandsOptions,
  ) {
    this.unlinker = new Unlinker({ ...options, source: sourceOf(known) });
    this.observation = new Observation(known, options.onWouldEvict);
  }

  progress(): Progress {
    const { unlinker, observation } = this;
    const known = this.known();
    const { freed, dry, trouble, blindToReads, meanLazyBytes } = unlinker;
    return {
      ...{ freed, dry, trouble, blindToReads, meanLazyBytes },
      observed: observation.bytes,
      stock: known.stock(),
      ring: known.fill,
    };
  }

  order(free: number | undefined, observe: number, urgent: boolean): void {
    if (free !== undefined) this.unlinker.free(free, urgent);
    this.observation.count(observe);
  }

  close(): void {
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
