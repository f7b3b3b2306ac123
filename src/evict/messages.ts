// What the primary and a worker tell each other about keys that may go. Types only: plain data, cloned on the way.
import type { RingFill, RuleStock } from './candidates.js';

/** A key in a batch that the worker gave. */
export type Place = readonly [batch: number, index: number];

/** What keys are to go for: the server's memory, or the budgets of their rules. */
export type Purpose = 'memory' | 'budgets';

export interface EvictAsk {
  readonly purpose: Purpose;
  /** Keys that are not to go now: they were read, or could not be unlinked. */
  readonly again: readonly Place[];
  /** Which of these keys may still go? */
  readonly confirm: readonly Place[];
  /** The next batch; undefined: none is wanted. */
  readonly take: TakeAsk | undefined;
  /** Bytes to be counted of rules that observe. */
  readonly observe: number;
  /** Sizes that were not known, by rule. */
  readonly learned: readonly (readonly [slot: number, bytes: number])[];
}

export interface TakeAsk {
  readonly keys: number;
  readonly bytes: number;
  /** Only of this rule; undefined: those that are next to go. */
  readonly slot: number | undefined;
}

/** Keys in one piece of memory. */
export interface PackedKeys {
  readonly batch: number;
  readonly keys: Uint8Array;
  /** Where each key ends. */
  readonly ends: Uint32Array;
  readonly dbs: Uint32Array;
  readonly slots: Uint32Array;
  readonly bytes: Float64Array;
  /** Milliseconds since the candidate's `at`. */
  readonly ages: Float64Array;
}

/** The answer: one for each ask. */
export interface EvictAnswer {
  readonly purpose: Purpose;
  /** For each key of `confirm`: 1, it may go. */
  readonly confirmed: Uint8Array;
  readonly batch: PackedKeys | undefined;
  /** Bytes that were counted of rules that observe, in all. */
  readonly observed: number;
  readonly stock: readonly RuleStock[];
  readonly ring: RingFill;
}
