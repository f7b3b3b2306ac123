// What all sessions of a process share: the command table, the policy, bounds, and what is counted over all of them.
import { PIN_REASONS, type PinReason } from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import type { Policy } from '../policy/policy.js';
import type { ExpireIfNone } from '../resp/encode.js';
import type { FollowUpForm } from './request/follow-ups.js';
import type { Lender } from './request/held-bytes.js';

/** What all sessions share. The mutable fields may be swapped at any time between two chunks of bytes. */
export interface SessionContext extends FollowUpForm {
  table: CommandTable;
  readonly policy: Policy;
  followUps: boolean;
  followUp: ExpireIfNone;
  /** How many bytes of a multi-key write may be held back until its keys are known. */
  lookaheadBytes: number;
  /** How many runs of pending replies a session may have before it stops reading its client. */
  pendingRuns: number;
  /** Where the memory of what must wait comes from; undefined: made anew. */
  readonly memory?: Lender;
  /** Monotonic milliseconds, for latency samples. */
  readonly clock: () => number;
  readonly counters: SessionCounters;
  /** Command pooling only. */
  readonly pooling?: PoolingCounters;
}

/** Counted over all sessions. */
export interface SessionCounters {
  commands: number;
  /** Times a client's next command had to wait for a reply. */
  stalls: number;
  /** Sessions that turned to passing bytes unread. */
  raw: number;
}

/** Counted over all sessions that share connections. */
export interface PoolingCounters {
  /** Times a client was to get a connection of its own, by what for. */
  readonly pins: Record<PinReason, number>;
  /** Commands that were answered with an error, since their shared connection was lost. */
  commandsLost: number;
  /** Times a client's next command waited, since the replies to those before it may be much. */
  windowStalls: number;
  /** Times a client's pipeline had to stop, since it would have kept its own connection for ever. */
  strayStalls: number;
}

export function noPoolingYet(): PoolingCounters {
  const pins = Object.fromEntries(PIN_REASONS.map((reason) => [reason, 0])) as Record<PinReason, number>;
  return { pins, commandsLost: 0, windowStalls: 0, strayStalls: 0 };
}
