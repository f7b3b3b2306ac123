// One key of a forwarded governed write: its position in the command, and the decision for it.

import type { CompiledRule } from './compiled-rule.js';
import { TtlOutcome } from './observer.js';
import { type Size, SizeClass } from './size-class.js';
import type { Verdict } from './verdict.js';

export class WrittenKey {
  outcome: TtlOutcome = TtlOutcome.WITHOUT_TTL;
  /** The size of its value now. */
  size: Size = SizeClass.OTHER;

  /** The key is buf[start, end), and `hash` its hashKey(). */
  constructor(
    public rule: CompiledRule,
    public buf: Uint8Array,
    public start: number,
    public end: number,
    public hash: number,
  ) {}
}

/** What the write does to all of its keys. */
export type WrittenFacts = Pick<Verdict, 'replaces' | 'ifMissing' | 'lifetimeMs'>;
