// The biggest keys of each type. Invariant: at most `most` keys of a type, the biggest first.

export interface BigKey {
  /** The name, byte for byte. */
  readonly key: Buffer;
  readonly server: string;
  readonly db: number;
  readonly type: string;
  readonly encoding: string;
  readonly bytes: number;
  /** null: none. */
  readonly ttlMs: number | null;
}

const MAX_TYPES = 20;

export class Biggest {
  readonly byType = new Map<string, BigKey[]>();

  constructor(private readonly most: number) {}

  /** Whether a key of this type and size would be among them. */
  wants(type: string, bytes: number): boolean {
    const list = this.byType.get(type);
    return (
      this.most > 0 &&
      (list === undefined || list.length < this.most || bytes > (list.at(-1) as BigKey).bytes)
    );
  }

  merge(other: Biggest): void {
    for (const list of other.byType.values()) for (const big of list) this.add(big);
  }

  add(big: BigKey): void {
    if (!this.wants(big.type, big.bytes)) return;
    const list = this.byType.get(big.type) ?? [];
    if (list.length === 0) {
      if (this.byType.size >= MAX_TYPES) return;
      this.byType.set(big.type, list);
    }
    // SCAN may bring a key twice.
    const same = list.findIndex(
      ({ key, db, server }) => db === big.db && server === big.server && key.equals(big.key),
    );
    if (same >= 0) list.splice(same, 1);
    // The key is a view of what was read.
    const at = list.findIndex(({ bytes }) => bytes < big.bytes);
    list.splice(at < 0 ? list.length : at, 0, { ...big, key: Buffer.from(big.key) });
    if (list.length > this.most) list.pop();
  }
}
