// One reading of a server's memory, from INFO. Managed services forbid CONFIG but never INFO, so only INFO is used. The fields
// are checked here: if one is invalid, there is no reading.

export interface Reading {
  readonly usedBytes: number;
  /** Replication and AOF buffers, which Redis subtracts before it compares with maxmemory. */
  readonly notCountedBytes: number;
  /**
   * Memory that belongs to no key, as far as the server says: the server itself at the start, the buffers of clients,
   * replication and the cluster.
   */
  readonly notKeysBytes: number;
  /** The tables of all keys and of those with a TTL, with an entry for each; 0: the server does not say. */
  readonly tablesBytes: number;
  /** 0: no limit. */
  readonly maxmemoryBytes: number;
  /** noeviction, allkeys-lru …; '': not in INFO. */
  readonly policy: string;
  /** The server is still freeing memory after UNLINK, FLUSHALL ASYNC and the like. */
  readonly freeing: boolean;
  /** How many objects are still to be freed; absent: none. */
  readonly pendingObjects?: number;
}

/** On a server with more databases, keys of the others are neither measured nor found by SCAN. */
export const MOST_EXAMINED = 16;

export interface DatabaseKeys {
  readonly db: number;
  /** Its keys, and how many of them have a TTL. */
  readonly keys: number;
  readonly expires: number;
}

/** Facts that change slowly and are read less often. */
export interface KeyspaceReading {
  /** Keys in all databases, and how many of them have a TTL. */
  readonly keys: number;
  readonly expires: number;
  /** The databases that have keys. */
  readonly databases: readonly DatabaseKeys[];
  /** Whether it is a replica: it leaves memory to its primary and answers no OOM (replica-ignore-maxmemory). */
  readonly replica: boolean;
}

/** Counters since the server's start. */
export interface ServerCounters {
  readonly evictedKeys: number;
  readonly hits: number;
  readonly misses: number;
}

/** INFO has an impossible value; the message names the field. */
export class BadReading extends Error {}

const LONGEST_SHOWN = 40;
const NOT_KEYS = [
  'used_memory_startup',
  'mem_clients_normal',
  'mem_cluster_links',
  'mem_replication_backlog',
] as const;

/** What the server counts as overhead apart from that and the tables. */
const OVERHEAD_BESIDE = [
  'mem_clients_slaves',
  'mem_aof_buffer',
  'used_memory_scripts_eval',
  'used_memory_functions',
] as const;

/** What Redis compares with maxmemory. */
export function countedBytes({ usedBytes, notCountedBytes }: Reading): number {
  return Math.max(0, usedBytes - notCountedBytes);
}

/** In words, how the limit or policy of a server differs from that of the one that it replaces; undefined: it does not. */
export function differenceOf(before: Reading, after: Reading): string | undefined {
  const differences = [
    before.maxmemoryBytes !== after.maxmemoryBytes &&
      `maxmemory is ${after.maxmemoryBytes} bytes (it was ${before.maxmemoryBytes})`,
    before.policy !== after.policy && `maxmemory-policy is ${after.policy} (it was ${before.policy})`,
  ].filter((difference) => difference !== false);
  return differences.length === 0 ? undefined : differences.join('; ');
}

/** Without these a reading says something else: no limit, another policy, buffers that count. */
const DECISIVE = ['maxmemory', 'maxmemory_policy', 'mem_not_counted_for_evict'] as const;

/** The fields of an INFO text, by name. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of textOf(text).split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** Reads INFO memory. @throws BadReading without a used_memory, or if a field is not a number of bytes. */
export function parseMemory(text: string): Reading {
  return memoryOf(infoFields(text));
}

/**
 * The fields of an INFO memory text that may be cut: a last line without its end is none. `before`: those of the last
 * reading of the same connection. @throws BadReading if one that decides is gone
 */
export function memoryFields(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> {
  const fields = infoFields(textOf(text).slice(0, text.lastIndexOf('\n') + 1));
  const lost = DECISIVE.find((name) => before?.has(name) && !fields.has(name));
  if (lost !== undefined)
    throw new BadReading(`INFO memory has no ${lost}, but had it before: is the text cut?`);
  return fields;
}

/** The reading that fields of INFO give. @throws BadReading */
export function memoryOf(fields: ReadonlyMap<string, string>): Reading {
  const policy = fields.get('maxmemory_policy') ?? '';
  if (!fields.has('used_memory'))
    throw new BadReading('INFO memory has no used_memory: is the server a Redis?');
  if (!/^[a-z-]*$/.test(policy)) throw notA('policy', 'memory', 'maxmemory_policy', policy);
  const pendingObjects = count(fields, 'memory', 'lazyfree_pending_objects');
  const ofNoKey = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + count(fields, 'memory', name), 0);
  const notKeysBytes = ofNoKey(NOT_KEYS);
  const overheadBytes = count(fields, 'memory', 'used_memory_overhead');
  return {
    usedBytes: count(fields, 'memory', 'used_memory'),
    notCountedBytes: count(fields, 'memory', 'mem_not_counted_for_evict'),
    notKeysBytes,
    tablesBytes: Math.max(0, overheadBytes - notKeysBytes - ofNoKey(OVERHEAD_BESIDE)),
    maxmemoryBytes: count(fields, 'memory', 'maxmemory'),
    policy,
    freeing: pendingObjects > 0,
    ...(pendingObjects > 0 && { pendingObjects }),
  };
}

/**
 * Sums INFO keyspace (`db0:keys=3,expires=1,…`) over all databases; the role comes from INFO replication.
 * @throws BadReading when a database's line has no such numbers.
 */
export function parseKeyspace(text: string, replication: string): KeyspaceReading {
  let keys = 0;
  let expires = 0;
  const databases: DatabaseKeys[] = [];
  for (const [name, value] of infoFields(text)) {
    if (!/^db\d+$/.test(name)) continue;
    const fields = new Map(value.split(',').map((pair) => pair.split('=', 2) as [string, string]));
    if (!fields.has('keys') || !fields.has('expires')) throw notA('count of keys', 'keyspace', name, value);
    const database = {
      db: Number(name.slice(2)),
      keys: count(fields, 'keyspace', 'keys'),
      expires: count(fields, 'keyspace', 'expires'),
    };
    databases.push(database);
    keys += database.keys;
    expires += database.expires;
  }
  return { keys, expires, databases, replica: infoFields(replication).get('role') === 'slave' };
}

/** The numbers of the databases that have keys, from INFO keyspace. */
export function parseDatabases(text: string): number[] {
  return [...text.matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
}

/** Reads INFO stats. @throws BadReading if a field is not a number. */
export function parseStats(text: string): ServerCounters {
  const fields = infoFields(text);
  return {
    evictedKeys: count(fields, 'stats', 'evicted_keys'),
    hits: count(fields, 'stats', 'keyspace_hits'),
    misses: count(fields, 'stats', 'keyspace_misses'),
  };
}

/** The server's clock in an INFO server text, milliseconds since the epoch; undefined if it is not there (before 6.2). */
export function parseServerTime(text: string): number | undefined {
  const microseconds = infoFields(text).get('server_time_usec') ?? '';
  return /^\d{15,16}$/.test(microseconds) ? Number(microseconds) / 1000 : undefined;
}

/** @throws BadReading if it is another reply. */
function textOf(answer: unknown): string {
  if (typeof answer === 'string') return answer;
  throw new BadReading('the server does not answer INFO with a text');
}

/** A missing field counts as 0: older servers and some services leave it out. */
function count(fields: ReadonlyMap<string, string>, section: string, name: string): number {
  const text = fields.get(name) ?? '0';
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw notA('number', section, name, text);
  return value;
}

function notA(what: string, section: string, field: string, text: string): BadReading {
  return new BadReading(
    `INFO ${section}: ${field} is not a ${what}: ${JSON.stringify(text.slice(0, LONGEST_SHOWN))}`,
  );
}
