// The API's shapes about memory. Field names are an API. Types only.
import type { PriorityName } from '../core/policy/rule.js';
import type { EvictionSnapshot, WouldEvict } from './eviction.js';
import type { Eviction } from './eviction-policy.js';
import type { UpstreamKind } from './upstream-kind.js';

/** How much of one priority is refused. */
export interface ShedLevel {
  /** Share of its growing writes refused now, 0 (none) … 1 (all). */
  shedShare: number;
  /** The pressures at which refusing starts and is full, 0 … 1, after `reservedBytes`; null: never refused. */
  band: readonly [start: number, full: number] | null;
  /** Room that is kept from it for higher priorities: it is refused this much earlier than its configured band says. */
  reservedBytes: number;
  /** What its writes add to memory, as measured; overwriting adds nothing. */
  growthBytesPerSecond: number;
}

/** GET /api/memory. Bytes are null before the first reading, or if the server does not report them. */
export interface MemorySnapshot {
  /** committed / limit; null without a limit or a reading. */
  pressure: number | null;
  /** (used - not counted) / limit. The same as `pressure` if nothing is evicted. */
  usedShare: number | null;
  /** The pressure that `level` is based on: `pressure`, or more because of admitted growth, hysteresis or a rehearsal. */
  actingPressure: number | null;
  /** What that comes from. */
  cause: string;
  usedBytes: number | null;
  /** Replication and AOF buffers, which Redis leaves out when it compares with maxmemory. */
  notCountedBytes: number | null;
  /** Used memory without what is not counted, and without what can be evicted. */
  committedBytes: number | null;
  /** How it changes, without the noise of the samples that it is estimated from: only differences mean something. */
  committedFlowBytes: number | null;
  /** What can be evicted: by the server under its policy, or by Spillway. */
  evictableBytes: number | null;
  /** Half of its 95% confidence interval; null: a rough estimate, from the share of keys with a TTL. */
  evictableErrorBytes: number | null;
  /** Which keys the server evicts: none, those with a TTL, all. */
  serverEvicts: Eviction;
  evictedKeysPerSecond: number;
  /** The mean lifetime of a key that is evicted in the end; null: nothing is evicted. */
  evictedAfterSeconds: number | null;
  /** Reads of the server that found a key, and that did not. */
  hitsPerSecond: number;
  missesPerSecond: number;
  /** What pressure is measured against: maxmemory, or the config's own limit. */
  limitBytes: number | null;
  maxmemoryBytes: number | null;
  /** maxmemory_policy as Redis names it. */
  policy: string | null;
  level: Record<PriorityName, ShedLevel>;
  /** What writes from elsewhere add to memory, as measured. */
  othersBytesPerSecond: number;
  /** Whether anything can be refused at all. */
  active: boolean;
  readingAgeMs: number | null;
  /** The reading is older than memory.staleAfter. */
  stale: boolean;
  /** One sentence: why shedding is on or off. */
  reason: string;
  /** Estimated growth of forwarded writes that the reading cannot contain yet. */
  growthSinceReadingBytes: number;
  /** What is left up to the point where Redis itself refuses; null if it does not refuse. */
  headroomBytes: number | null;
  /** The server evicts keys with a TTL, and can evict enough: writes that leave their key with a TTL are not refused. */
  sparesExpiring: boolean;
  /** The standing memory of small, short-lived writes that were spared, by estimate, and how much of it is allowed. */
  briefBytes: number;
  briefMostBytes: number;
  upstreamVersion: string | null;
  /** Proxies that write to the server, this one among them, as far as known. */
  proxies: number;
  /** As its INFO says. */
  upstreamMode: UpstreamKind['mode'];
  upstreamRole: UpstreamKind['role'];
  polls: number;
  pollErrors: number;
  levelChanges: number;
  /** null: only real memory decides what is refused. */
  rehearsal: RehearsalSnapshot | null;
  /** How Spillway makes room; null: no rule has evict. */
  eviction: EvictionSnapshot | null;
  /** For rules with a budget, in their order. */
  budgets: readonly BudgetSnapshot[];
  /** For rules with a limit, in their order. */
  limits: readonly LimitSnapshot[];
}

/** null: the limit does not restrict this. */
export interface LimitSnapshot {
  readonly rule: string;
  readonly writesPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  readonly valueBytes: number | null;
  /** Growing writes that passed, and their bytes, since the rule has this limit. */
  readonly writesTaken: number | null;
  readonly bytesTaken: number | null;
}

export interface BudgetSnapshot {
  readonly rule: string;
  /** null: a share of an unknown limit. */
  readonly budgetBytes: number | null;
  readonly heldBytes: number;
  /** Share of the rule's keys that are refused now. */
  readonly refusedShare: number;
  /** Keys that the estimate comes from, and which share of the rule's keys these are. */
  readonly sampledKeys: number;
  readonly sampledShare: number;
  readonly method: BudgetMethod;
}

/** `measured`; `counting`: the keys that were there before are still to be found; `written`: the server may not be asked. */
export type BudgetMethod = 'measured' | 'counting' | 'written';

/** The pressure that is rehearsed. */
export interface RehearsalSnapshot {
  /** As `pressure` above; the higher one counts. */
  readonly pressure: number;
  /** ISO 8601. */
  readonly endsAt: string;
  readonly secondsLeft: number;
  /** Commands refused since its begin, for whatever reason, up to the last second; only rules that refused, or would have. */
  readonly refused: readonly RehearsedRefusals[];
  /** null: no rule has evict. A rehearsal evicts nothing. */
  readonly wouldEvict: WouldEvict | null;
}

export interface RehearsedRefusals {
  readonly rule: string;
  readonly shed: number;
  /** Because the rule observes. */
  readonly wouldShed: number;
}

/** POST /api/simulate. */
export interface RehearsalRequest {
  readonly pressure: number;
  readonly seconds: number;
}

export type RehearsalOutcome =
  | { readonly ok: true; readonly rehearsal: RehearsalSnapshot | null }
  /** Nothing is shed here, and why. */
  | { readonly ok: false; readonly reason: string };
