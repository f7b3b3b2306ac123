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
  /** Of sets: those of `roomy` with a whole number for a member that was drawn. */
  readonly numbers: number[];
}

export type Shapes = Readonly<Record<Collection, Shape>>;

const TYPE = keyCommand(['TYPE']);
const ENCODING = keyCommand(['OBJECT', 'ENCODING']);
const COUNT: Readonly<Record<Collection, ReturnType<typeof keyCommand>>> = {
  hash: keyCommand(['HLEN']),
  zset: keyCommand(['ZCARD']),
  set: keyCommand(['SCARD']),
};
const MEMBER = keyCommand(['SRANDMEMBER']);
const WHOLE = /^-?\d{1,19}$/;
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
      if (type === 'set') batch.about(MEMBER, key);
      asked.push(type);
    }
    const answers = await this.aside.ask(batch);
    this.looked += keys.length;
    for (const type of seen) this.shapes[type].keys++;
    let at = 0;
    for (const type of asked) {
      const count = answers[at++];
      const member = type === 'set' ? answers[at++] : undefined;
      if (typeof count !== 'number' || count === 0) continue;
      const { roomy, numbers } = this.shapes[type];
      roomy.push(count);
      if (Buffer.isBuffer(member) && WHOLE.test(member.toString('latin1'))) numbers.push(count);
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
  const shape = (): Shape => ({ keys: 0, roomy: [], numbers: [] });
  return { hash: shape(), zset: shape(), set: shape() };
}

function isCollection(type: string): type is Collection {
  return type in COUNT;
}
