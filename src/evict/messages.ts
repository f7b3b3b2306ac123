// The messages between the primary and a worker about keys that may be evicted. Types only: plain data, cloned on the way.
import type { RingFill, RuleStock } from './candidates.js';

/** A key in a batch from the worker. */
export type BatchKey = readonly [batch: number, index: number];

/** Why keys must be evicted: because of the server's memory, or of the budgets of their rules. */
export type Purpose = 'memory' | 'budgets';

export interface EvictAsk {
  readonly purpose: Purpose;
  /** Keys that are not evicted now: they were read, or could not be unlinked. */
  readonly again: readonly BatchKey[];
  /** Which of these keys may still be evicted? */
  readonly confirm: readonly BatchKey[];
  /** The next batch; undefined: none is wanted. */
  readonly take: TakeAsk | undefined;
  /** Bytes to be counted for observing rules. */
  readonly observe: number;
  /** Sizes that were unknown, by rule. */
  readonly learned: readonly (readonly [slot: number, bytes: number])[];
}

export interface TakeAsk {
  readonly keys: number;
  readonly bytes: number;
  /** Only of this rule; undefined: the next ones of all rules. */
  readonly slot: number | undefined;
}

/** Keys in one buffer. */
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
  /** For each key of `confirm`: 1 if it may be evicted. */
  readonly confirmed: Uint8Array;
  readonly batch: PackedKeys | undefined;
  /** Bytes that were counted for observing rules, in all. */
  readonly observed: number;
  readonly stock: readonly RuleStock[];
  readonly ring: RingFill;
}
