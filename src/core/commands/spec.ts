// What Spillway knows of one Redis command: the row type of the command table.
// Owns the vocabulary only; rows come from table.generated.ts, overlaid by the live server's COMMAND.

/** How a command, when it carries no TTL option of its own, leaves the TTL of the keys it writes. */
export const TtlTreatment = {
  /** Not a write that can create a key, or one whose TTL is none of Spillway's business (RESTORE, COPY, RENAME). */
  NONE: 0,
  /** SET: options after the value. */
  SET: 1,
  /** SETEX: seconds before the value. */
  SETEX: 2,
  /** PSETEX: milliseconds before the value. */
  PSETEX: 3,
  /** GETEX: options after the key; creates nothing, may set a TTL. */
  GETEX: 4,
  /** MSETEX: numkeys, pairs, options after the pairs. */
  MSETEX: 5,
  /** String writes that leave the key without a TTL: GETSET, SETNX, MSET, MSETNX. A follow-up gives one. */
  STRING: 6,
  /** Every other write that can create its key: INCR, HSET, LPUSH, *STORE … Only rules with applyTo "all". */
  CREATES: 7,
} as const;
export type TtlTreatment = (typeof TtlTreatment)[keyof typeof TtlTreatment];

/** What a command that no rule governs does to the TTLs of the keys that it names. */
export const TtlChange = {
  NONE: 0,
  /** Gives one, in the words of argument 2. */
  EXPIRE: 1,
  PEXPIRE: 2,
  EXPIREAT: 3,
  PEXPIREAT: 4,
  /** Ends them, with their keys or on purpose: nothing to wonder about. */
  ENDS: 5,
  /** The same for all keys. */
  ENDS_ALL: 6,
} as const;
export type TtlChange = (typeof TtlChange)[keyof typeof TtlChange];

/** What a command does to the state of its connection, as far as replies and refusals depend on it. */
export const ConnectionRole = {
  NONE: 0,
  MULTI: 1,
  EXEC: 2,
  DISCARD: 3,
  SUBSCRIBE: 4,
  PSUBSCRIBE: 5,
  SSUBSCRIBE: 6,
  UNSUBSCRIBE: 7,
  PUNSUBSCRIBE: 8,
  SUNSUBSCRIBE: 9,
  HELLO: 10,
  AUTH: 11,
  RESET: 12,
  CLIENT: 13,
  SELECT: 14,
  MONITOR: 15,
  /** SYNC, PSYNC, REPLCONF: the connection speaks something else from here on. */
  REPLICATION: 16,
  ASKING: 17,
  QUIT: 18,
  WATCH: 19,
  UNWATCH: 20,
  /** WAIT, WAITAOF: about what this connection has written before. */
  WAIT: 21,
  /** PROXY: a question to Spillway itself. */
  CONSOLE: 22,
} as const;
export type ConnectionRole = (typeof ConnectionRole)[keyof typeof ConnectionRole];

/** What a command needs of its connection where clients share connections (upstream.pool "command"). */
export const Sharing = {
  /** Nothing: any connection of the same user, database and protocol will do. */
  SHARED: 0,
  /** One of its own, until it is answered or the state that it makes ends. */
  OWN: 1,
  /** One of its own from here on: it leaves something on the connection that nothing is known to end. */
  LASTING: 2,
} as const;
export type Sharing = (typeof Sharing)[keyof typeof Sharing];

/** Why a client gets a connection of its own where clients share: a bounded set, it is a label of a metric. */
export const PIN_REASONS = [
  'transaction',
  'watch',
  'blocking',
  'subscription',
  'client-state',
  'stream',
  'wait',
  'script',
  'server',
  'unknown-command',
  'large-value',
  'large-reply',
  'slow-reader',
  'no-room',
  'malformed',
] as const;
export type PinReason = (typeof PIN_REASONS)[number];

/** Where the keys that a command writes stand among its arguments (argument 0 is the name). */
export interface KeyPositions {
  /** First written key; 0: none at a fixed place. */
  readonly first: number;
  /** Last written key; negative counts from the end, as in Redis's COMMAND. */
  readonly last: number;
  readonly step: number;
  /** Options that name a destination key right behind them (SORT … STORE k), upper case; instead of first/last. */
  readonly keywords: readonly string[];
  /** Upper case: a call with none of these words only reads. */
  readonly verbs?: readonly string[];
}

export interface CommandSpec {
  /** Lower case. */
  readonly name: string;
  /** Small number, dense, the same for a name as long as the process lives: index of per-command counters. */
  readonly id: number;
  /** As Redis counts: the name included; negative is "at least". */
  readonly arity: number;
  readonly write: boolean;
  /** The server may put it off while it answers reads: CLIENT PAUSE WRITE, FAILOVER, SHUTDOWN that waits for replicas. */
  readonly pausable: boolean;
  /** Redis refuses it with OOM at the limit. */
  readonly denyOom: boolean;
  /** May keep its client waiting for another one: no measure of latency. */
  readonly blocking: boolean;
  /** Takes about as much as it frees (LMOVE …): never shed, whatever its flags. */
  readonly mover: boolean;
  readonly keys: KeyPositions;
  readonly ttl: TtlTreatment;
  /** A write that leaves its keys without the TTL that they had, if it says nothing of one. */
  readonly replaces: boolean;
  /** Of a command that is not governed. */
  readonly ttlChange: TtlChange;
  /** A write with a known key that can grow memory or set a TTL: one that the policy has a say in. */
  readonly governed: boolean;
  readonly role: ConnectionRole;
  /** The text of its errors may be anybody's, not the server's: a script's, a module's. */
  readonly opaque: boolean;
  /** It may free much memory, or change how much there may be: with these words behind its name, upper case; []: always. */
  readonly relief: readonly string[] | undefined;
  /** It frees what it names, mostly little. */
  readonly frees: boolean;
  /** Either of these, or EXEC, which may stand for them. */
  readonly eases: boolean;
  readonly sharing: Sharing;
  /** Why it is not SHARED. */
  readonly pin: PinReason | undefined;
}

/** True when `argc` arguments (the name included) satisfy `arity`, by Redis's own rule. */
export function arityFits(arity: number, argc: number): boolean {
  return arity >= 0 ? argc === arity : argc >= -arity;
}
