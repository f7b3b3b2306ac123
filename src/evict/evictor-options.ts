// What the evictor needs from the rest of the proxy, and what it reports. Types only.
import type { Logger } from 'pino';
import type { RuleSet } from '../core/policy/rule-set.js';
import type { Endpoint } from '../tools/keyspace/endpoint.js';
import type { Hands } from './hands.js';
import type { BudgetState } from './owed.js';
import type { Marks } from './pace.js';
import type { Evicted } from './unlinker.js';

/** What the last reading said. */
export interface ServerMemory {
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly pendingObjects: number;
}

export interface EvictorOptions {
  readonly hands: Hands;
  readonly marks: Marks;
  readonly rules: RuleSet;
  readonly endpoint: () => Endpoint;
  /** Bytes that writes have brought, as a sum, and the part of it that the last reading contains. */
  readonly growth: () => { readonly admitted: number; readonly read: number };
  /** Requests a reading soon. */
  readonly pollSoon: () => void;
  /** This many bytes can be freed while the mark is held. */
  readonly onEvictable: (bytes: number) => void;
  /** Proxies that make room on this server, this one included. */
  readonly proxies: () => number;
  /** Keys that SCAN found were unlinked. */
  readonly onEvicted: Evicted;
  /** A key of the rule no longer exists. */
  readonly onGone: (slot: number, key: Uint8Array) => void;
  /** The memory of the keys of rules with a budget. */
  readonly budgets: () => readonly BudgetState[];
  /** What the keys of the rule hold at least, by random keys; undefined: unknown. */
  readonly sampled: (slot: number) => number | undefined;
  /** Whether this process already knows the key. */
  readonly knows: (db: number, key: Uint8Array) => boolean;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly log: Logger;
}
