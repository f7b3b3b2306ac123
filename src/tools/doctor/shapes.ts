// Finds collections that are not stored compactly in a sample of keys: how many elements they have, and how long these are.
// Also collects small strings, which may be fields of one object.
// Visits pages of keys; reads only. Bounded: a number of keys of each type, a few elements of each, and none if the elements
// are long on average.
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import type { Endpoint } from '../keyspace/endpoint.js';
import { ENCODING, memoryUsage, TYPE } from '../keyspace/key-questions.js';
import type { Reply } from '../keyspace/pipe.js';
import type { Visitor } from '../keyspace/walk.js';
import { FieldTally } from './fields.js';

export type Collection = 'hash' | 'zset' | 'set';

/** A key with the roomy encoding. */
export interface Roomy {
  readonly count: number;
  /** For the sampled elements (of a hash: fields and values), in bytes; Infinity if none was sampled. */
  readonly longest: number;
  /** Whether all sampled elements are whole numbers. */
  readonly numbers: boolean;
}

/** For one type. */
export interface Shape {
  /** Keys of the type that were examined. */
  keys: number;
  readonly roomy: Roomy[];
}

export type Shapes = Readonly<Record<Collection, Shape>>;

const USAGE = memoryUsage();
// The order of a hash table is as good as random; HRANDFIELD exists only since 6.2.
const DRAW = ['0', 'COUNT', '10'];
const COMMANDS = {
  hash: { count: keyCommand(['HLEN']), draw: keyCommand(['HSCAN'], DRAW) },
  zset: { count: keyCommand(['ZCARD']), draw: keyCommand(['ZSCAN'], DRAW) },
  set: { count: keyCommand(['SCARD']), draw: keyCommand(['SSCAN'], DRAW) },
} as const;
const WHOLE = /^-?\d{1,19}$/;
const ROOMY: ReadonlySet<string> = new Set(['hashtable', 'skiplist']);
/** For strings up to 44 bytes. */
const SMALL: ReadonlySet<string> = new Set(['int', 'embstr']);
/** The most keys of a type; more would show no more. */
const MOST_ROOMY = 1000;
/** Bytes of an element, its overhead included: longer ones are not just past any limit, and would be much to read. */
const MOST_AVERAGE = 512;
/** More than a sorted set takes before its first element. */
const BASE = 1024;

interface Asked {
  readonly key: Buffer;
  readonly type: Collection;
}

interface Counted extends Asked {
  readonly count: number;
  /** Whether its elements are longer on average: then none is read. */
  readonly long: boolean;
}

export class ShapeVisitor implements Visitor {
  shapes: Shapes = none();
  small = new FieldTally();
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
    const seen: Collection[] = [];
    const roomy: Asked[] = [];
    for (const [i, key] of keys.entries()) {
      const [type, encoding] = [String(replies[2 * i]), String(replies[2 * i + 1])];
      if (type === 'string' && SMALL.has(encoding)) this.small.note(key);
      if (!isCollection(type) || this.shapes[type].roomy.length >= MOST_ROOMY) continue;
      seen.push(type);
      if (ROOMY.has(encoding)) roomy.push({ key, type });
    }
    const found = await this.draw(await this.count(roomy));
    this.looked += keys.length;
    for (const type of seen) this.shapes[type].keys++;
    for (const [type, each] of found) this.shapes[type].roomy.push(each);
  }

  restart(): void {
    this.shapes = none();
    this.small = new FieldTally();
    this.looked = 0;
  }

  close(): void {
    this.aside.close();
  }

  /** Those that still exist. */
  private async count(asked: readonly Asked[]): Promise<Counted[]> {
    const batch = new Batch();
    for (const { key, type } of asked) {
      batch.about(COMMANDS[type].count, key);
      batch.about(USAGE, key);
    }
    const replies = await this.aside.ask(batch);
    return asked.flatMap((each, i) => {
      const [count, bytes] = [replies[2 * i], replies[2 * i + 1]];
      if (typeof count !== 'number' || count === 0) return [];
      return [{ ...each, count, long: !(typeof bytes === 'number' && bytes <= BASE + count * MOST_AVERAGE) }];
    });
  }

  private async draw(counted: readonly Counted[]): Promise<[Collection, Roomy][]> {
    const batch = new Batch();
    for (const { key, type, long } of counted) if (!long) batch.about(COMMANDS[type].draw, key);
    const replies = await this.aside.ask(batch);
    let at = 0;
    return counted.map(({ type, count, long }) => {
      const drawn = long ? [] : elements(type, replies[at++]);
      const lengths = drawn.map(({ length }) => length);
      return [
        type,
        {
          count,
          longest: drawn.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...lengths),
          numbers: drawn.length > 0 && drawn.every((each) => WHOLE.test(each.toString('latin1'))),
        },
      ];
    });
  }
}

/** The elements in a reply of HSCAN, SSCAN or ZSCAN; scores are not elements. */
function elements(type: Collection, reply: Reply | undefined): Buffer[] {
  const list: unknown = Array.isArray(reply) ? reply[1] : undefined;
  if (!Array.isArray(list)) return [];
  return list.filter((each, i): each is Buffer => Buffer.isBuffer(each) && !(type === 'zset' && i % 2 === 1));
}

function none(): Shapes {
  const shape = (): Shape => ({ keys: 0, roomy: [] });
  return { hash: shape(), zset: shape(), set: shape() };
}

function isCollection(type: string): type is Collection {
  return type in COMMANDS;
}
