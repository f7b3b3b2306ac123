// The row type of the command table: what Spillway knows about a Redis command. Types only; the rows come from
// table.generated.ts, overlaid by the live server's COMMAND. Which arguments are keys is a row's KeyPositions: overlay.ts reads
// them, treatment.ts corrects them, policy/write-keys.ts uses them.

/** What a command without a TTL option of its own does to the TTL of the keys that it writes. */
export const TtlTreatment = {
  /** Not a write that can create a key, or one whose TTL Spillway leaves alone (RESTORE, COPY, RENAME). */
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
  /** Sets one, by argument 2. */
  EXPIRE: 1,
  PEXPIRE: 2,
  EXPIREAT: 3,
  PEXPIREAT: 4,
  /** Removes them with their keys. */
  ENDS: 5,
  /** The same for all keys. */
  ENDS_ALL: 6,
  /** Removes them on purpose. */
  PERSISTS: 7,
} as const;
export type TtlChange = (typeof TtlChange)[keyof typeof TtlChange];

/** How large a governed write leaves its key, as far as its arguments show. */
export const Sizing = {
  /** Unknown: it adds to the key, or makes it from others. */
  UNKNOWN: 0,
  /** As large as it was. */
  KEEPS: 1,
  /** As large as the value right after the key. */
  VALUE: 2,
  /** As large as the argument after that one. */
  SECOND: 3,
  /** A number: INCR. */
  NUMBER: 4,
  /** At least up to the end of what is written into it: SETRANGE, SETBIT. */
  RANGE: 5,
  BIT: 6,
  /** A stream, limited by MAXLEN or MINID. */
  STREAM: 7,
  /** Its content comes from elsewhere: RESTORE, COPY. */
  FOREIGN: 8,
} as const;
export type Sizing = (typeof Sizing)[keyof typeof Sizing];

/** A command that gives the content of one key, with its TTL, to another name. */
export const Carry = {
  NONE: 0,
  RENAME: 1,
  /** Only if the new name is free. */
  RENAMENX: 2,
  COPY: 3,
  /** To another database, and only if the name is free there. */
  MOVE: 4,
} as const;
export type Carry = (typeof Carry)[keyof typeof Carry];

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
  /** SYNC, PSYNC, REPLCONF: the connection speaks another protocol from now on. */
  REPLICATION: 16,
  ASKING: 17,
  QUIT: 18,
  WATCH: 19,
  UNWATCH: 20,
  /** WAIT, WAITAOF: they concern what this connection has written before. */
  WAIT: 21,
  /** PROXY: a question to Spillway itself. */
  CONSOLE: 22,
} as const;
export type ConnectionRole = (typeof ConnectionRole)[keyof typeof ConnectionRole];

/** How a command names a script, by its argument 1. */
export const ScriptCall = {
  NONE: 0,
  /** SCRIPT LOAD: by its source, argument 2; it runs nothing. */
  LOAD: 1,
  /** EVAL: by its source. Argument 2 is the number of its keys, and the keys follow it; the same for the two below. */
  SOURCE: 2,
  /** EVALSHA. */
  SHA1: 3,
  /** FCALL. */
  FUNCTION: 4,
} as const;
export type ScriptCall = (typeof ScriptCall)[keyof typeof ScriptCall];

/** What a command needs of its connection when clients share connections (upstream.pool "command"). */
export const Sharing = {
  /** Nothing: any connection with the same user, database and protocol version will do. */
  SHARED: 0,
  /** A connection of its own, until it is answered or the state that it makes ends. */
  OWN: 1,
  /** A connection of its own from now on: it leaves state on the connection that no known command ends. */
  LASTING: 2,
} as const;
export type Sharing = (typeof Sharing)[keyof typeof Sharing];

/** Why a client gets a connection of its own. A fixed set, because it is a label of a metric. */
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

/** The positions of the keys that a command writes (argument 0 is the name). */
export interface KeyPositions {
  /** First written key; 0: none at a fixed place. */
  readonly first: number;
  /** Last written key; negative counts from the end, as in Redis's COMMAND. */
  readonly last: number;
  readonly step: number;
  /** Options after which a destination key follows (SORT … STORE k), upper case; they replace first and last. */
  readonly keywords: readonly string[];
  /** Upper case: a call without any of these words only reads. */
  readonly verbs?: readonly string[];
}

/** The last argument that is a key in a call of `argc` arguments, whose keys are at fixed places. */
export function lastKeyOf({ last }: KeyPositions, argc: number): number {
  return Math.min(argc - 1, last < 0 ? argc + last : last);
}

export interface CommandSpec {
  /** Lower case. */
  readonly name: string;
  /** Small number, dense, the same for a name as long as the process lives: index of per-command counters. */
  readonly id: number;
  /** As Redis counts: the name included; negative is "at least". */
  readonly arity: number;
  readonly write: boolean;
  /** The server may delay it while it answers reads: CLIENT PAUSE WRITE, FAILOVER, SHUTDOWN that waits for replicas. */
  readonly pausable: boolean;
  /** Redis refuses it with OOM at the limit. */
  readonly denyOom: boolean;
  /** May make its client wait for another client, so its time says nothing about latency. */
  readonly blocking: boolean;
  /** Takes about as much memory as it frees (LMOVE …): never shed, whatever its flags. */
  readonly mover: boolean;
  readonly keys: KeyPositions;
  /** The argument that is its only written key, always at this place; 0: other keys, or several. */
  readonly soleKey: number;
  readonly ttl: TtlTreatment;
  /** A write that removes the TTL of its keys unless it sets one. */
  readonly replaces: boolean;
  /** It leaves an existing key unchanged: SETNX. */
  readonly ifMissing: boolean;
  readonly sizing: Sizing;
  readonly carry: Carry;
  /** Of a command that is not governed. */
  readonly ttlChange: TtlChange;
  /** A governed write: it has a known key and can grow memory or set a TTL, so the policy decides about it. */
  readonly governed: boolean;
  readonly role: ConnectionRole;
  /** Of a script that may write. */
  readonly script: ScriptCall;
  /** Its errors may come from a script or a module, not from the server itself. */
  readonly opaque: boolean;
  /** With these words after its name (upper case; []: always) it may free much memory, or change the limit. */
  readonly relief: readonly string[] | undefined;
  /** It frees the keys that it names, mostly little memory. */
  readonly frees: boolean;
  /** One of these two, or EXEC, whose transaction may contain them. */
  readonly eases: boolean;
  readonly sharing: Sharing;
  /** Why it is not SHARED. */
  readonly pin: PinReason | undefined;
}

/** True when `argc` arguments (the name included) satisfy `arity`, by Redis's own rule. */
export function arityFits(arity: number, argc: number): boolean {
  return arity >= 0 ? argc === arity : argc >= -arity;
}
