// Who unlinks on the evictor's word: from the ring of this process, or from those of its workers. Types only.
import type { RingFill, RuleStock } from './candidates.js';

/** What was done, as sums that only grow, and how things stand. */
export interface Progress {
  readonly freed: number;
  /** What would have been freed, of rules that observe. */
  readonly observed: number;
  /** There was no key to take when it looked last. */
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
   * They may free so many bytes from now on, and count so many of rules that observe; an earlier order ends. undefined: no rule
   * asks for more than counting, so no connection is needed. `urgent`: memory is well above the start, so nothing is asked before.
   */
  order(free: number | undefined, observe: number, urgent: boolean): void;
  /** So many bytes of keys of these rules, by slot, are to go whatever the memory is; an earlier order ends. */
  orderOf(owed: ReadonlyMap<number, number>): void;
}
