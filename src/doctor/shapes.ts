// Collections that are just too large to be stored compactly: of a sample of keys, which have the roomy encoding and how
// many elements. Visits pages of keys; reads only.
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import type { Endpoint } from '../keyspace/endpoint.js';
import type { Reply } from '../keyspace/pipe.js';
import type { Visitor } from '../keyspace/walk.js';

export type Collection = 'hash' | 'zset' | 'set';

/** Of one type. */
export interface Shape {
  /** Keys of the type that were looked at. */
  keys: number;
  /** Element counts of those with the roomy encoding. */
  readonly roomy: number[];
}

export type Shapes = Readonly<Record<Collection, Shape>>;

const TYPE = keyCommand(['TYPE']);
const ENCODING = keyCommand(['OBJECT', 'ENCODING']);
const COUNT: Readonly<Record<Collection, ReturnType<typeof keyCommand>>> = {
  hash: keyCommand(['HLEN']),
  zset: keyCommand(['ZCARD']),
  set: keyCommand(['SCARD']),
};
const ROOMY: ReadonlySet<string> = new Set(['hashtable', 'skiplist']);

export class ShapeVisitor implements Visitor {
  shapes: Shapes = none();
  looked = 0;
  private readonly aside: Aside;

  constructor(endpoint: Endpoint, db: number, name: string) {
    this.aside = new Aside(endpoint, db, name);
  }

  ask(keys: readonly Buffer[], batch: Batch): void {
    for (const key of keys) {
      batch.about(TYPE, key);
      batch.about(ENCODING, key);
    }
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[]): Promise<void> {
    const batch = new Batch();
    const asked: Collection[] = [];
    const seen: Collection[] = [];
    for (const [i, key] of keys.entries()) {
      const type = String(replies[2 * i]);
      if (!isCollection(type)) continue;
      seen.push(type);
      if (!ROOMY.has(String(replies[2 * i + 1]))) continue;
      batch.about(COUNT[type], key);
      asked.push(type);
    }
    const counts = await this.aside.ask(batch);
    this.looked += keys.length;
    for (const type of seen) this.shapes[type].keys++;
    for (const [i, type] of asked.entries()) {
      const count = counts[i];
      if (typeof count === 'number' && count > 0) this.shapes[type].roomy.push(count);
    }
  }

  restart(): void {
    this.shapes = none();
    this.looked = 0;
  }

  close(): void {
    this.aside.close();
  }
}

function none(): Shapes {
  return { hash: { keys: 0, roomy: [] }, zset: { keys: 0, roomy: [] }, set: { keys: 0, roomy: [] } };
}

function isCollection(type: string): type is Collection {
  return type in COUNT;
}
