// The part that unlinks for the evictor: from the ring of this process, or from those of its workers. Types only.
import type { RingFill, RuleStock } from './candidates.js';

/** What was done, as sums that only grow, and the present state. */
export interface Progress {
  readonly freed: number;
  /** Bytes that observing rules would have freed. */
  readonly observed: number;
  /** It found no key to take when it last looked. */
  readonly dry: boolean;
  readonly trouble: string | undefined;
  /** It cannot ask which keys were read. */
  readonly blindToReads: boolean;
  readonly meanLazyBytes: number;
  readonly stock: readonly RuleStock[];
  readonly ring: RingFill;
}

export interface Hands {
  progress(): Progress;
  /**
   * They may free this many bytes from now on, and count this many for observing rules; an earlier order ends. undefined: no
   * rule asks for more than counting, so no connection is needed. `urgent`: memory is well above the start, so nothing is asked
   * first.
   */
  order(free: number | undefined, observe: number, urgent: boolean): void;
  /** Keys of these rules, by slot, worth this many bytes must be freed, whatever the memory is; an earlier order ends. */
  orderOf(owed: ReadonlyMap<number, number>): void;
}
