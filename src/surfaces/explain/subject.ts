// The inputs of an explanation: rules, the form of follow-ups and, in a running proxy, what refuses now. Types only.

import type { CommandSpec } from '../../core/commands/spec.js';
import type { Quotas } from '../../core/policy/quota.js';
import type { ShedGate } from '../../core/policy/shed.js';
import type { KnownKeys } from '../../core/policy/sparing.js';
import type { Script } from '../../core/policy/verdict.js';
import type { BudgetSnapshot } from '../../memory/snapshot.js';
import type { Stage } from './dry-run.js';
import type { ExplainedNow } from './types.js';

export interface ExplainSubject extends Stage {
  /** By Priority: in a running proxy the present bands, after the reserve. */
  readonly bands: readonly (readonly [start: number, full: number] | null)[];
  /** By Priority: share of the limit that is kept for higher ones. */
  readonly reserved: readonly number[];
  /** The state of a running proxy; undefined: offline. */
  readonly now:
    | (Pick<ExplainedNow, 'pressure' | 'rehearsal' | 'reason'> & {
        readonly gate: ShedGate;
        readonly quotas: Quotas;
        readonly budgets: readonly BudgetSnapshot[];
        /** undefined: several processes know keys, each its own. */
        readonly keys?: KnownKeys | undefined;
      })
    | undefined;
}

/** The subject of an explanation: the command, and its kind as a script. */
export interface Explained {
  readonly spec: CommandSpec;
  readonly script: Script;
}
