// Facts that Redis's COMMAND does not report: what each write does to TTLs, the position of the key that it grows, what a
// command does to its connection. Maintained by hand, by name; they override the positions that a server reports. The options
// of SET are in policy/ttl-options.
// Sources: the command pages and t_string.c, t_list.c, sort.c, geo.c, bitops.c of Redis 7 and 8.
import {
  Carry,
  ConnectionRole,
  type KeyPositions,
  ScriptCall,
  Sizing,
  TtlChange,
  TtlTreatment,
} from './spec.js';

export const NO_KEYS: KeyPositions = { first: 0, last: 0, step: 0, keywords: [] };

/** TTL treatment of the writes that are neither "creates its key" (the default for denyoom writes) nor a read. */
export const TTL_TREATMENTS: ReadonlyMap<string, TtlTreatment> = new Map<string, TtlTreatment>([
  ['set', TtlTreatment.SET],
  ['setex', TtlTreatment.SETEX],
  ['psetex', TtlTreatment.PSETEX],
  ['getex', TtlTreatment.GETEX],
  ['msetex', TtlTreatment.MSETEX],
  ['getset', TtlTreatment.STRING],
  ['setnx', TtlTreatment.STRING],
  ['mset', TtlTreatment.STRING],
  ['msetnx', TtlTreatment.STRING],
  // Not denyoom, but able to create a key.
  ['smove', TtlTreatment.CREATES],
  ['xgroup', TtlTreatment.CREATES],
  // They carry the TTL that the key has elsewhere, or change only existing keys.
  ['restore', TtlTreatment.NONE],
  ['restore-asking', TtlTreatment.NONE],
  ['copy', TtlTreatment.NONE],
  ['lset', TtlTreatment.NONE],
  ['linsert', TtlTreatment.NONE],
  ['lpushx', TtlTreatment.NONE],
  ['rpushx', TtlTreatment.NONE],
  ['xsetid', TtlTreatment.NONE],
  ['pfdebug', TtlTreatment.NONE],
]);

/** Writes that replace a value and remove its TTL (setKey without KEEPTTL, dbOverwrite). */
export const REPLACING: ReadonlySet<string> = new Set([
  ...['set', 'setex', 'psetex', 'getset', 'mset', 'msetex', 'bitop'],
  ...['sinterstore', 'sunionstore', 'sdiffstore'],
  ...['zinterstore', 'zunionstore', 'zdiffstore', 'zrangestore'],
  ...['sort', 'georadius', 'georadiusbymember', 'geosearchstore'],
]);

/** Writes that do nothing to an existing key. */
export const IF_MISSING: ReadonlySet<string> = new Set(['setnx', 'msetnx']);

/** For every other write the arguments do not show how large its key becomes. */
export const SIZINGS: ReadonlyMap<string, Sizing> = new Map<string, Sizing>([
  ['getex', Sizing.KEEPS],
  ['set', Sizing.VALUE],
  ['setnx', Sizing.VALUE],
  ['getset', Sizing.VALUE],
  ['mset', Sizing.VALUE],
  ['msetnx', Sizing.VALUE],
  ['msetex', Sizing.VALUE],
  ['setex', Sizing.SECOND],
  ['psetex', Sizing.SECOND],
  ['incr', Sizing.NUMBER],
  ['decr', Sizing.NUMBER],
  ['incrby', Sizing.NUMBER],
  ['decrby', Sizing.NUMBER],
  ['incrbyfloat', Sizing.NUMBER],
  ['setrange', Sizing.RANGE],
  ['setbit', Sizing.BIT],
  ['xadd', Sizing.STREAM],
  ['copy', Sizing.FOREIGN],
  ['restore', Sizing.FOREIGN],
  ['restore-asking', Sizing.FOREIGN],
]);

export const CARRIES: ReadonlyMap<string, Carry> = new Map<string, Carry>([
  ['rename', Carry.RENAME],
  ['renamenx', Carry.RENAMENX],
  ['copy', Carry.COPY],
  ['move', Carry.MOVE],
]);

/** If in doubt, a TTL counts as removed on purpose: it is better to miss a loss than to report a false one. */
export const TTL_CHANGES: ReadonlyMap<string, TtlChange> = new Map<string, TtlChange>([
  ['expire', TtlChange.EXPIRE],
  ['pexpire', TtlChange.PEXPIRE],
  ['expireat', TtlChange.EXPIREAT],
  ['pexpireat', TtlChange.PEXPIREAT],
  ['persist', TtlChange.PERSISTS],
  ['del', TtlChange.ENDS],
  ['unlink', TtlChange.ENDS],
  ['getdel', TtlChange.ENDS],
  // GETEX is governed; with PERSIST it is reported as one of these.
  ['getex', TtlChange.PERSISTS],
  ['delex', TtlChange.ENDS],
  ['delifeq', TtlChange.ENDS],
  ['rename', TtlChange.ENDS],
  ['renamenx', TtlChange.ENDS],
  ['move', TtlChange.ENDS],
  ['flushdb', TtlChange.ENDS_ALL],
  ['flushall', TtlChange.ENDS_ALL],
  ['swapdb', TtlChange.ENDS_ALL],
]);

/**
 * Commands after which an earlier reading of memory may be worthless, by the words that follow the name; []: whatever follows.
 */
export const RELIEFS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['config', ['SET', 'RESETSTAT']],
  ['flushall', []],
  ['flushdb', []],
  ['swapdb', []],
  ['script', ['FLUSH']],
  ['function', ['FLUSH', 'DELETE', 'RESTORE']],
  ['memory', ['PURGE']],
  ['debug', []],
  ['replicaof', []],
  ['slaveof', []],
]);

/** Commands that free the keys that they name. */
export const FREEING: ReadonlySet<string> = new Set(['del', 'unlink']);

/** Commands that move data from one key to another: refusing them loses work and saves no memory. */
export const MOVERS: ReadonlySet<string> = new Set([
  'lmove',
  'blmove',
  'lmovem',
  'blmovem',
  'rpoplpush',
  'brpoplpush',
]);

const at = (first: number, last = first, step = 1): KeyPositions => ({ first, last, step, keywords: [] });
const behind = (...keywords: string[]): KeyPositions => ({ first: 0, last: 0, step: 0, keywords });

/** The position of the written key, for commands whose COMMAND entry also names keys that are only read. */
export const WRITTEN_KEYS: ReadonlyMap<string, KeyPositions> = new Map([
  ['smove', at(2)],
  // XGROUP CREATE key … MKSTREAM.
  ['xgroup', at(2)],
  ['bitop', at(2)],
  ['copy', at(2)],
  ['lmove', at(2)],
  ['blmove', at(2)],
  ['lmovem', at(2)],
  ['blmovem', at(2)],
  ['rpoplpush', at(2)],
  ['brpoplpush', at(2)],
  ['geosearchstore', at(1)],
  ['zrangestore', at(1)],
  ['zunionstore', at(1)],
  ['zinterstore', at(1)],
  ['zdiffstore', at(1)],
  ['sdiffstore', at(1)],
  ['sinterstore', at(1)],
  ['sunionstore', at(1)],
  ['pfmerge', at(1)],
  ['bitfield', { ...at(1), verbs: ['SET', 'INCRBY'] }],
  ['sort', behind('STORE')],
  ['georadius', behind('STORE', 'STOREDIST')],
  ['georadiusbymember', behind('STORE', 'STOREDIST')],
  // MSETEX numkeys key value …: the policy bounds the pairs by numkeys.
  ['msetex', at(2, -1, 2)],
]);

export const CONNECTION_ROLES: ReadonlyMap<string, ConnectionRole> = new Map<string, ConnectionRole>([
  ['multi', ConnectionRole.MULTI],
  ['exec', ConnectionRole.EXEC],
  ['discard', ConnectionRole.DISCARD],
  ['subscribe', ConnectionRole.SUBSCRIBE],
  ['psubscribe', ConnectionRole.PSUBSCRIBE],
  ['ssubscribe', ConnectionRole.SSUBSCRIBE],
  ['unsubscribe', ConnectionRole.UNSUBSCRIBE],
  ['punsubscribe', ConnectionRole.PUNSUBSCRIBE],
  ['sunsubscribe', ConnectionRole.SUNSUBSCRIBE],
  ['hello', ConnectionRole.HELLO],
  ['auth', ConnectionRole.AUTH],
  ['reset', ConnectionRole.RESET],
  ['client', ConnectionRole.CLIENT],
  ['select', ConnectionRole.SELECT],
  ['monitor', ConnectionRole.MONITOR],
  ['sync', ConnectionRole.REPLICATION],
  ['psync', ConnectionRole.REPLICATION],
  ['replconf', ConnectionRole.REPLICATION],
  ['asking', ConnectionRole.ASKING],
  ['quit', ConnectionRole.QUIT],
  ['watch', ConnectionRole.WATCH],
  ['unwatch', ConnectionRole.UNWATCH],
  ['wait', ConnectionRole.WAIT],
  ['waitaof', ConnectionRole.WAIT],
]);

/** While one of these runs too long, Redis answers BUSY to all other clients, so no other command should wait behind it. */
export const SCRIPTS: ReadonlySet<string> = new Set([
  'eval',
  'evalsha',
  'eval_ro',
  'evalsha_ro',
  'fcall',
  'fcall_ro',
]);

/** Without the _RO forms, which cannot write. */
export const SCRIPT_CALLS: ReadonlyMap<string, ScriptCall> = new Map<string, ScriptCall>([
  ['script', ScriptCall.LOAD],
  ['eval', ScriptCall.SOURCE],
  ['evalsha', ScriptCall.SHA1],
  ['fcall', ScriptCall.FUNCTION],
]);

/** Delayed together with writes, although no flag says so (CMD_MAY_REPLICATE, server.h). */
export const REPLICATED: ReadonlySet<string> = new Set([
  'publish',
  'spublish',
  'pfcount',
  'eval',
  'evalsha',
  'fcall',
]);

/** Free of connection state, but not to be sent on a connection where other commands wait, before or after it. */
export const UNSHARED: ReadonlySet<string> = new Set([
  // SCRIPT KILL and FUNCTION KILL end it.
  'script',
  'function',
  'debug',
  'shutdown',
  'cluster',
  // Since Redis 8 only its own client waits for a thread; on a shared connection all clients would wait.
  'flushall',
  'flushdb',
]);

/** Commands of Valkey 9 that are not in the generated table: only such a server describes them. */
export const VALKEY_ONLY = ['clusterscan', 'commandlog', 'delifeq'] as const;

/** Commands that change their connection for its lifetime. */
export const LASTING: ReadonlySet<string> = new Set(['readonly', 'sync', 'psync', 'replconf', 'monitor']);
