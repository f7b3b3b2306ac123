// One look at a server: the facts that `spillway watch` uses. From INFO alone, since managed services forbid more. Pure.
import {
  infoFields,
  type KeyspaceReading,
  parseKeyspace,
  parseMemory,
  type Reading,
} from '../../memory/reading.js';

export interface Look {
  readonly memory: Reading;
  readonly keyspace: KeyspaceReading;
  /** Changes with each start of the server. */
  readonly run: string;
  /** Writes that Redis has refused for lack of memory, and keys that it has evicted, since its start or CONFIG RESETSTAT. */
  readonly oomErrors: number;
  readonly evictedKeys: number;
  /** Memory of the process divided by memory in use; null: unknown. */
  readonly fragmentation: number | null;
}

/** undefined: this is not the INFO of a server that holds keys. @throws BadReading if a field is not a number of bytes. */
export function parseLook(info: string): Look | undefined {
  const fields = infoFields(info);
  if (!fields.has('used_memory')) return undefined;
  const ratio = Number(fields.get('mem_fragmentation_ratio') ?? Number.NaN);
  return {
    memory: parseMemory(info),
    keyspace: parseKeyspace(info, info),
    run: fields.get('run_id') ?? '',
    oomErrors: Number(/^count=(\d+)/.exec(fields.get('errorstat_OOM') ?? '')?.[1] ?? 0),
    evictedKeys: Number(fields.get('evicted_keys') ?? 0),
    fragmentation: Number.isFinite(ratio) ? ratio : null,
  };
}
