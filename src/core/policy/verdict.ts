// What the policy says of one write: one object, filled anew for each decision and read at once by the session.

import type { TtlOutcome } from './observer.js';
import type { CompiledRule } from './rule-set.js';

export const Action = {
  /** Forward as it is. */
  PASS: 0,
  /** Forward with `suffix` behind it and two arguments more. */
  APPEND: 1,
  /** Forward with argument `replaceIndex` changed to the number `replacement`, and its unit if `replaceUnit`. */
  REPLACE: 2,
  /** Refuse with OOM. */
  SHED: 3,
  /** Cannot be told from the arguments seen so far; hold the command back if that is possible. */
  UNDECIDED: 4,
} as const;
export type Action = (typeof Action)[keyof typeof Action];

export class Verdict {
  action: Action = Action.PASS;
  /** The written keys known so far: entries 0 … count-1 of the arrays below. */
  count = 0;
  /** Argument index of each key. */
  readonly argument: number[] = [];
  readonly rule: CompiledRule[] = [];
  readonly hash: number[] = [];
  /** What becomes of each key's TTL; meaningless when `recorded` is false. */
  readonly outcome: TtlOutcome[] = [];
  /** The keys lose the TTL that they had, but for what `outcome` says. */
  replaces = false;
  /** GETEX PERSIST: its key loses it on purpose. */
  persists = false;
  /** How long the keys live by the write's own expiry, as it is forwarded, milliseconds; 0: there is none. */
  lifetimeMs = 0;
  /** False for a command that Redis will refuse: nothing is written, so nothing is counted. */
  recorded = false;
  /** Estimated growth of Redis's memory in bytes; 0 for what never grows it. */
  growth = 0;
  /** The key that had the command shed (or, observed, would have): an index into the arrays, or -1. */
  shedKey = -1;
  /** Options follow behind the value that has not arrived: the outcome is an OptionTail's to tell. */
  tail = false;
  suffix: Uint8Array = new Uint8Array(0);
  suffixLength = 0;
  replaceIndex = 0;
  /** The argument before that one, EXAT or PXAT, becomes PX. */
  replaceUnit = false;
  replacement = 0;

  reset(): void {
    this.action = Action.PASS;
    this.count = 0;
    this.replaces = false;
    this.persists = false;
    this.lifetimeMs = 0;
    this.recorded = false;
    this.growth = 0;
    this.shedKey = -1;
    this.tail = false;
    this.replaceUnit = false;
  }

  addKey(argument: number, rule: CompiledRule, hash: number): void {
    const i = this.count++;
    this.argument[i] = argument;
    this.rule[i] = rule;
    this.hash[i] = hash;
  }
}
