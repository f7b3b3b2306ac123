// Measures the keys of one database: bytes and TTL of each key; type, encoding and idle time of some, and of those that may
// be among the biggest. Large keys are measured again with more samples.
// Invariant: a page is counted whole or not at all.
// None of these commands changes a key's idle time or frequency (Redis: LOOKUP_NOTOUCH).
import { Aside } from '../keyspace/aside.js';
import { Batch } from '../keyspace/batch.js';
import { ConnectionLost, type Endpoint, refusal, ServerError } from '../keyspace/endpoint.js';
import { ENCODING, IDLETIME, memoryUsage, PTTL, TYPE } from '../keyspace/key-questions.js';
import type { Reply } from '../keyspace/pipe.js';
import { isElsewhere } from '../keyspace/redirect.js';
import type { Visitor } from '../keyspace/walk.js';
import type { Biggest } from './biggest.js';
import type { Group, Groups } from './groups.js';
import type { Details, Tally } from './tally.js';

export interface MeasureOptions {
  readonly endpoint: Endpoint;
  readonly server: string;
  readonly db: number;
  /** For CLIENT LIST. */
  readonly name: string;
  /** Elements that MEMORY USAGE looks at; 0: all; undefined: as many as take less than about a millisecond. */
  readonly samples: number | undefined;
}

/** Commands that the server refuses, each with its first error. */
export type Refusals = Map<string, string>;

/**
 * By default Redis looks at the first 5 elements. In hashes with the same fields these are the same fields, so a large field
 * would be missed in every one of them. With 1000 it sees all elements of most collections, in some 50 microseconds; compact
 * collections take no longer than before.
 */
const FIRST_LOOK = 1000;
const USAGE = memoryUsage(FIRST_LOOK);
/** The least bytes of an element, and the time to look at one. For one long string that is too much, which does no harm. */
const ELEMENT_BYTES = 64;
const ELEMENT_MS = 0.0001;
/** A key with more than FIRST_LOOK elements is larger than this. */
const LARGE_BYTES = 32 * 1024;
const USAGE_OF_LARGE = memoryUsage(5000);
const HUGE_BYTES = 2 ** 20;
/** Takes the server about a millisecond; the one above about half of that. */
const USAGE_OF_HUGE = memoryUsage(10_000);
/** Bytes of such a command without the key. */
const FRAME_BYTES = 128;
/** Details are asked of one key in this many, and of the first few of each group. */
const DETAILS_EVERY = 16;
const FIRST = 8;

interface Found {
  readonly key: Buffer;
  readonly group: Group;
  readonly ttlMs: number;
  bytes: number;
  details: Details | undefined;
}

/** The counts of one database of one server. */
export interface Part {
  readonly groups: Groups;
  readonly biggest: Biggest;
  /** Keys that SCAN named. */
  looked: number;
  /** Keys that were gone before they were measured. */
  gone: number;
  /** Some keys moved to another server of the Cluster. */
  moved: boolean;
  /** What happened to the server, in words. */
  readonly mishaps: string[];
}

export class Measure implements Visitor {
  part: Part;
  private readonly aside: Aside;
  private readonly usage;
  /** The additional questions about one page. */
  private readonly batch = new Batch();

  constructor(
    private readonly options: MeasureOptions,
    private readonly begin: () => Part,
    private readonly refusals: Refusals,
  ) {
    this.part = begin();
    this.aside = new Aside(options.endpoint, options.db, options.name);
    const { samples } = options;
    this.usage = samples === undefined ? USAGE : memoryUsage(samples);
  }

  ask(keys: readonly Buffer[], batch: Batch): void {
    for (const key of keys) {
      batch.about(this.usage, key);
      batch.about(PTTL, key);
    }
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[]): Promise<void> {
    const found: Found[] = [];
    let gone = 0;
    for (const [i, key] of keys.entries()) {
      const [bytes, ttlMs] = [replies[2 * i], replies[2 * i + 1]];
      this.must('MEMORY USAGE', '+memory|usage', bytes);
      this.must('PTTL', '+pttl', ttlMs);
      if (typeof bytes !== 'number' || typeof ttlMs !== 'number' || ttlMs === -2) gone++;
      else found.push({ key, group: this.part.groups.of(key), ttlMs, bytes, details: undefined });
    }
    await this.askMore(found);
    this.part.looked += keys.length;
    this.part.gone += gone;
    for (const { key, group, ttlMs, bytes, details } of found) {
      group.tally.add(bytes, ttlMs);
      if (details === undefined) continue;
      if (this.isDue(group.tally)) group.tally.addDetails(details);
      const { server, db } = this.options;
      const { type, encoding } = details;
      this.part.biggest.add({ key, server, db, type, encoding, bytes, ttlMs: ttlMs < 0 ? null : ttlMs });
    }
  }

  weigh(replies: readonly Reply[]): number {
    if (this.options.samples !== undefined) return 0;
    let elements = 0;
    for (let i = 0; i < replies.length; i += 2) {
      const bytes = replies[i];
      if (typeof bytes === 'number') elements += Math.min(bytes / ELEMENT_BYTES, FIRST_LOOK);
    }
    return elements * ELEMENT_MS;
  }

  restart(): void {
    this.part = this.begin();
    this.part.mishaps.push(
      `${this.options.server} restarted during the walk, so its keys were measured again`,
    );
  }

  close(): void {
    this.aside.close();
  }

  private async askMore(found: readonly Found[]): Promise<void> {
    const { batch } = this;
    batch.clear();
    const takers: ((reply: Reply) => void)[] = [];
    const ask = (command: typeof TYPE, key: Buffer, take: (reply: Reply) => void): void => {
      batch.about(command, key);
      takers.push(take);
    };
    const large: Found[] = [];
    const ahead = new Map<Tally, number>();
    for (const each of found) {
      const { tally } = each.group;
      if (this.options.samples === undefined && each.bytes >= LARGE_BYTES) large.push(each);
      const before = ahead.get(tally) ?? 0;
      ahead.set(tally, before + 1);
      if (isDue(tally.keys + before) || this.mayBeBig(tally, each.bytes)) this.askDetails(each, ask);
    }
    const replies = await this.aside.ask(batch);
    for (const [i, take] of takers.entries()) take(replies[i]);
    for (const each of large) await this.measureAgain(each);
  }

  /** One key at a time, so that the server can serve other clients in between. */
  private async measureAgain(each: Found): Promise<void> {
    const batch = new Batch(each.key.length + FRAME_BYTES);
    batch.about(each.bytes >= HUGE_BYTES ? USAGE_OF_HUGE : USAGE_OF_LARGE, each.key);
    const [reply] = await this.aside.ask(batch);
    if (typeof reply === 'number') each.bytes = reply;
  }

  private askDetails(
    each: Found,
    ask: (command: typeof TYPE, key: Buffer, take: (reply: Reply) => void) => void,
  ): void {
    const { key } = each;
    let [type, encoding] = ['', ''];
    ask(TYPE, key, (reply) => {
      type = this.text('TYPE', reply);
    });
    ask(ENCODING, key, (reply) => {
      encoding = this.text('OBJECT ENCODING', reply);
    });
    ask(IDLETIME, key, (reply) => {
      const idle = typeof reply === 'number' ? reply : Number.NaN;
      if (reply instanceof Error) this.note('OBJECT IDLETIME', reply);
      // Otherwise the key is gone, or its type is unknown.
      if (type !== '' && type !== 'none') each.details = { type, encoding, idle };
    });
  }

  /** Whether the key may be among the biggest of a type that its group has. */
  private mayBeBig({ types }: Tally, bytes: number): boolean {
    for (const type of types.keys()) if (this.part.biggest.wants(type, bytes)) return true;
    return false;
  }

  private text(command: string, reply: Reply): string {
    if (reply instanceof Error) this.note(command, reply);
    return Buffer.isBuffer(reply) ? reply.toString('latin1') : '';
  }

  private must(command: string, right: string, reply: Reply): void {
    if (!(reply instanceof Error)) return;
    if (!isElsewhere(reply)) throw refused(this.options.server, command, right, reply);
    this.part.moved = true;
  }

  private note(command: string, error: Error): void {
    if (!isElsewhere(error) && !this.refusals.has(command))
      this.refusals.set(command, error.message.slice(0, 120));
  }

  private isDue({ keys }: Tally): boolean {
    return isDue(keys - 1);
  }
}

function isDue(before: number): boolean {
  return before < FIRST || before % DETAILS_EVERY === 0;
}

function refused(server: string, command: string, right: string, error: Error): ServerError {
  const passing = refusal(server, error);
  if (passing instanceof ConnectionLost) return passing;
  const { message } = error;
  const what = message.includes('keys') ? "'~*', for all keys" : right;
  const remedy = message.startsWith('NOPERM') ? ` (give the user the right with ACL SETUSER: ${what})` : '';
  return new ServerError(`${command} is refused: ${message}${remedy}`);
}
