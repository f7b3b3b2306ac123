// What TTLs cost a server in memory: each has an entry in the database's table of expiries, and the table doubles. Pure.
// Measured on each server of `npm run test:servers` (test/tools/ttl-cost.test.ts); where servers differ by how they were
// built, the higher figure counts.

/** The fields of INFO server that tell which table it is. */
export type ServerInfo = ReadonlyMap<string, string>;

/** Bytes of an entry: by its own allocation, or within the key where the server stores both in one. */
const ENTRY = 32;
const ENTRY_IN_KEY = 16;
const POINTER = 8;
const LEAST_TABLE = 4;

export class TtlCost {
  /** Bytes of a key's own, beside its place in the table. */
  readonly entryBytes: number;
  /** Places that the table needs for an entry: Valkey leaves one of eight for its own use. */
  private readonly placesPerEntry: number;

  /** Where `info` tells nothing, the server counts as an older one, whose TTLs cost more. */
  constructor(info: ServerInfo) {
    const valkey = versionOf(info, 'valkey_version');
    const redis = valkey === undefined ? versionOf(info, 'redis_version') : undefined;
    const inKey = (valkey ?? 0) >= 8.1 || (redis ?? 0) >= 8.2;
    this.entryBytes = inKey ? ENTRY_IN_KEY : ENTRY;
    this.placesPerEntry = (valkey ?? 0) >= 8.1 ? 8 / 7 : 1;
  }

  /** Bytes that a database takes at most when `more` keys get a TTL beside `expires` that have one. */
  bytes(expires: number, more: number): number {
    if (more <= 0) return 0;
    const [before, after] = [expires > 0 ? this.places(expires) : 0, this.places(expires + more)];
    // While entries move to a larger table, the one before it stays.
    const tables = after === before ? 0 : after + after / 2 - before;
    return more * this.entryBytes + POINTER * tables;
  }

  /** How many more may get one within `bytes`. */
  fits(expires: number, bytes: number): number {
    let [fit, tooMany] = [0, Math.ceil(Math.max(0, bytes) / this.entryBytes) + 1];
    while (tooMany - fit > 1) {
      const middle = Math.floor((fit + tooMany) / 2);
      if (this.bytes(expires, middle) <= bytes) fit = middle;
      else tooMany = middle;
    }
    return fit;
  }

  /** Of the table that `entries` are in. */
  private places(entries: number): number {
    return 2 ** Math.ceil(Math.log2(Math.max(LEAST_TABLE, entries * this.placesPerEntry)));
  }
}

/** 8.1 of `8.1.4`; undefined: not told. A minor version of two digits counts as the highest of one. */
function versionOf(info: ServerInfo, field: string): number | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(info.get(field) ?? '') ?? [];
  return major === undefined ? undefined : Number(major) + Math.min(9, Number(minor)) / 10;
}
