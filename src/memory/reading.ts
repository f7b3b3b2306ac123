// One reading of a server's memory, taken from INFO. Managed services forbid CONFIG, never INFO: so only INFO is read.

export interface Reading {
  readonly usedBytes: number;
  /** Replication and AOF buffers, which Redis leaves out when it compares with maxmemory. */
  readonly notCountedBytes: number;
  /** 0: no limit. */
  readonly maxmemoryBytes: number;
  /** noeviction, allkeys-lru …; '' if the server does not tell. */
  readonly policy: string;
}

/** What changes slowly, read now and then. */
export interface KeyspaceReading {
  /** Keys over all databases, and how many of them carry a TTL. */
  readonly keys: number;
  readonly expires: number;
  /** A replica: it leaves memory to its master and answers no OOM (replica-ignore-maxmemory). */
  readonly replica: boolean;
}

/** The fields of an INFO text, by name. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** Reads INFO memory; undefined when it lacks used_memory (not a Redis, or a proxy in between). */
export function parseMemory(text: string): Reading | undefined {
  const fields = infoFields(text);
  const number = (name: string) => Number(fields.get(name) ?? 0);
  if (!fields.has('used_memory') || !Number.isFinite(number('used_memory'))) return undefined;
  return {
    usedBytes: number('used_memory'),
    notCountedBytes: number('mem_not_counted_for_evict'),
    maxmemoryBytes: number('maxmemory'),
    policy: fields.get('maxmemory_policy') ?? '',
  };
}

/** Sums INFO keyspace (`db0:keys=3,expires=1,…`) over all databases; the role comes from INFO replication. */
export function parseKeyspace(text: string, replication: string): KeyspaceReading {
  let keys = 0;
  let expires = 0;
  for (const [name, value] of infoFields(text)) {
    if (!/^db\d+$/.test(name)) continue;
    keys += Number(/\bkeys=(\d+)/.exec(value)?.[1] ?? 0);
    expires += Number(/\bexpires=(\d+)/.exec(value)?.[1] ?? 0);
  }
  return { keys, expires, replica: infoFields(replication).get('role') === 'slave' };
}
