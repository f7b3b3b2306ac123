// Looks at the keys of one database: bytes and TTL of each; type, encoding and idle time of some, and of those that may
// be among the biggest; large ones once more with more samples.
// Invariant: a page is counted whole or not at all.
// None of these commands changes what a key's idle time or frequency is (Redis: LOOKUP_NOTOUCH).
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import { ConnectionLost, type Endpoint, refusal, ServerError } from '../keyspace/endpoint.js';
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
  /** Elements that MEMORY USAGE looks at; 0: all; undefined: as many as keep nobody waiting. */
  readonly samples: number | undefined;
}

/** What could not be asked, each by its first error. */
export type Refusals = Map<string, string>;

/**
 * Of its own accord Redis looks at the first 5. These are the same fields in all hashes that have the same ones, so what
 * the large field is missed by, all of them miss it by. Of so many it looks at all, in some 50 microseconds; what is
 * stored compactly takes no longer than before.
 */
const FIRST_LOOK = 1000;
const USAGE = keyCommand(['MEMORY', 'USAGE'], ['SAMPLES', String(FIRST_LOOK)]);
/** What an element has at least, and how long a look at it takes. Of one long string that is too much, which does no harm. */
const ELEMENT_BYTES = 64;
const ELEMENT_MS = 0.0001;
const PTTL = keyCommand(['PTTL']);
const TYPE = keyCommand(['TYPE']);
const ENCODING = keyCommand(['OBJECT', 'ENCODING']);
const IDLE = keyCommand(['OBJECT', 'IDLETIME']);
/** With more elements than that a key is larger, whatever they are. */
const LARGE_BYTES = 32 * 1024;
const USAGE_OF_LARGE = keyCommand(['MEMORY', 'USAGE'], ['SAMPLES', '5000']);
const HUGE_BYTES = 2 ** 20;
/** About a millisecond of the server's time; the one above about half of it. */
const USAGE_OF_HUGE = keyCommand(['MEMORY', 'USAGE'], ['SAMPLES', '10000']);
/** Of such a command, without the key. */
const FRAME_BYTES = 128;
/** One key in so many is asked for details, and all of the first few of a group. */
const DETAILS_EVERY = 16;
const FIRST = 8;

interface Found {
  readonly key: Buffer;
  readonly group: Group;
  readonly ttlMs: number;
  bytes: number;
  details: Details | undefined;
}

/** What is counted of one database of one server. */
export interface Part {
  readonly groups: Groups;
  readonly biggest: Biggest;
  /** Keys that SCAN named. */
  looked: number;
  /** Of them, no longer there when asked about. */
  gone: number;
  /** Some have gone to another server of the Cluster meanwhile. */
  moved: boolean;
  /** What befell the server, in words. */
  readonly mishaps: string[];
}

export class Measure implements Visitor {
  part: Part;
  private readonly aside: Aside;
  private readonly usage;
  /** What is asked aside about a page, one page after the other. */
  private readonly batch = new Batch();

  constructor(
    private readonly options: MeasureOptions,
    private readonly begin: () => Part,
    private readonly refusals: Refusals,
  ) {
    this.part = begin();
    this.aside = new Aside(options.endpoint, options.db, options.name);
    const { samples } = options;
    this.usage =
      samples === undefined ? USAGE : keyCommand(['MEMORY', 'USAGE'], ['SAMPLES', String(samples)]);
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
    this.part.mishaps.push(`${this.options.server} has restarted: its keys were looked at anew`);
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

  /** One at a time, so that others have their turn in between. */
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
    ask(IDLE, key, (reply) => {
      const idle = typeof reply === 'number' ? reply : Number.NaN;
      if (reply instanceof Error) this.note('OBJECT IDLETIME', reply);
      // Gone by now, or of no type that is told.
      if (type !== '' && type !== 'none') each.details = { type, encoding, idle };
    });
  }

  /** Of a type that has been seen in its group, and not too small to be among the biggest of that. */
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
  const remedy = message.startsWith('NOPERM') ? ` (give the user the right by ACL SETUSER: ${what})` : '';
  return new ServerError(`${command} is refused: ${message}${remedy}`);
}
