// The memory that TTLs take: each has an entry in the database's table of expiries, and that table doubles as it grows. Pure.
// test/tools/sweep-memory.test.ts measures it on each server of `npm run test:servers`. If builds of a server differ, the
// higher figure counts.

/** INFO server, whose versions say which kind of table the server has. */
export type ServerInfo = ReadonlyMap<string, string>;

/** TTLs that take more than this share of what the keys hold are not worth it: such small keys are cheaper in hashes. */
export const DEAR_SHARE = 0.15;

/** Bytes of an entry with an allocation of its own, and of one that the server stores within the key. */
const ENTRY = 32;
const ENTRY_IN_KEY = 16;
const POINTER = 8;
const LEAST_TABLE = 4;

export class TtlCost {
  /** Bytes of an entry, without its place in the table. */
  readonly entryBytes: number;
  /** Places that the table needs for each entry: Valkey uses one of eight places itself. */
  private readonly placesPerEntry: number;

  /** Without a version in `info` the server counts as an old one, whose TTLs cost more. */
  constructor(info: ServerInfo) {
    const valkey = versionOf(info, 'valkey_version');
    const redis = valkey === undefined ? versionOf(info, 'redis_version') : undefined;
    const inKey = (valkey ?? 0) >= 8.1 || (redis ?? 0) >= 8.2;
    this.entryBytes = inKey ? ENTRY_IN_KEY : ENTRY;
    this.placesPerEntry = (valkey ?? 0) >= 8.1 ? 8 / 7 : 1;
  }

  /** The most bytes that a database takes when `more` keys get a TTL and `expires` keys have one. */
  bytes(expires: number, more: number): number {
    if (more <= 0) return 0;
    const [before, after] = [expires > 0 ? this.places(expires) : 0, this.places(expires + more)];
    // While entries move to a larger table, the old table still exists.
    const tables = after === before ? 0 : after + after / 2 - before;
    return more * this.entryBytes + POINTER * tables;
  }

  /** How many more keys can get a TTL within `bytes`. */
  fits(expires: number, bytes: number): number {
    let [fit, tooMany] = [0, Math.ceil(Math.max(0, bytes) / this.entryBytes) + 1];
    while (tooMany - fit > 1) {
      const middle = Math.floor((fit + tooMany) / 2);
      if (this.bytes(expires, middle) <= bytes) fit = middle;
      else tooMany = middle;
    }
    return fit;
  }

  /** Places of the table for this many entries. */
  private places(entries: number): number {
    // Newer servers double a table when it is full, older ones with the next entry.
    return 2 ** Math.ceil(Math.log2(Math.max(LEAST_TABLE, entries * this.placesPerEntry + 1)));
  }
}

/** 8.1 for `8.1.4`; undefined: unknown. A minor version with two digits counts as 9. */
function versionOf(info: ServerInfo, field: string): number | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(info.get(field) ?? '') ?? [];
  return major === undefined ? undefined : Number(major) + Math.min(9, Number(minor)) / 10;
}
