// What all sessions of a process share: the command table, the policy, the bounds, and the counters.
import { PIN_REASONS, type PinReason } from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import type { Policy } from '../policy/policy.js';
import type { ExpireIfNone } from '../resp/encode.js';
import type { FollowUpForm } from './request/follow-ups.js';
import type { Lender } from './request/held-bytes.js';

/** What all sessions share. Mutable fields may change at any time between two chunks of bytes. */
export interface SessionContext extends FollowUpForm {
  table: CommandTable;
  readonly policy: Policy;
  followUps: boolean;
  followUp: ExpireIfNone;
  /** How many bytes of a multi-key write may be held until its keys are known. */
  lookaheadBytes: number;
  /** A session with this many runs of pending replies takes no further command. */
  pendingRuns: number;
  /** The source of memory for bytes that must wait; undefined: allocates it. */
  readonly memory?: Lender;
  /** Monotonic milliseconds, for latency samples. */
  readonly clock: () => number;
  readonly counters: SessionCounters;
  /** The server has answered a write with READONLY: it is not the primary. Set if somebody wants to know. */
  readonly readonlySeen?: (() => void) | undefined;
  /** Command pooling only. */
  readonly pooling?: PoolingCounters;
}

/** Counted over all sessions. */
export interface SessionCounters {
  commands: number;
  /** Times a client's next command had to wait for a reply. */
  stalls: number;
  /** Sessions that became pipes. */
  raw: number;
}

/** Counted over all sessions that share connections. */
export interface PoolingCounters {
  /** How often a client needed an own connection, by the reason. */
  readonly pins: Record<PinReason, number>;
  /** Commands answered with an error because their shared connection was lost. */
  commandsLost: number;
  /** How often a client's next command waited because its window was used up. */
  windowStalls: number;
  /** How often an endless pipeline had to stop so that its client leaves its own connection. */
  strayStalls: number;
}

export function noPoolingYet(): PoolingCounters {
  const pins = Object.fromEntries(PIN_REASONS.map((reason) => [reason, 0])) as Record<PinReason, number>;
  return { pins, commandsLost: 0, windowStalls: 0, strayStalls: 0 };
}
