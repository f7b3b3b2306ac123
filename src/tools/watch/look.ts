// One look at a server, taken from INFO: what `spillway watch` goes by. INFO alone, since managed services forbid more. Pure.
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
  /** Another one after each start of the server. */
  readonly run: string;
  /** Writes that Redis has refused for lack of memory, and keys that it has evicted, since its start or CONFIG RESETSTAT. */
  readonly oomErrors: number;
  readonly evictedKeys: number;
  /** Memory of the process by memory in use; null: not told. */
  readonly fragmentation: number | null;
}

/** undefined: that is no INFO of a server that holds keys. @throws BadReading when a field is no number of bytes. */
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
