// Finds keys that no ring knows: from before the start, written by others, or forgotten by a full ring. Walks over all keys by
// SCAN, page by page, keeps the idlest of those whose rule says evict, and hands them out, rules of the lowest priority first,
// then the idlest. While the rings have keys, only those are handed out that come before them.
// Invariants: at most POOL keys are kept; SCAN passes by at most PAGE_KEYS keys each PAGE_MS, and only while keys are wanted;
// what was used after it was found is not unlinked: the unlinker asks again.
import type { RuleSet } from '../core/policy/rule-set.js';
import { encodeCommand } from '../core/resp/encode.js';
import { Batch, keyCommand } from '../tools/keyspace/batch.js';
import type { Reply } from '../tools/keyspace/pipe.js';
import type { Candidate } from './candidates.js';
import type { KeySource } from './key-source.js';
import { Link, type LinkOptions } from './link.js';
import { idleByFreq, UNSHARP_MS } from './second-chance.js';

export interface ScanOptions extends Pick<LinkOptions, 'endpoint' | 'clock'> {
  readonly rules: () => RuleSet;
  /** This process knows the key by itself. */
  readonly knows: (db: number, key: Uint8Array) => boolean;
  /** More keys were found. */
  readonly onFound: () => void;
}

const POOL = 4096;
const PAGE_KEYS = 500;
const PAGE_MS = 25;
/** After a walk that found nothing the next one begins so much later; and so much where the rings have keys and forget none. */
const AFTER_NOTHING_MS = 30_000;
const AFTER_ALL_KNOWN_MS = 600_000;
const MOST_DATABASES = 16;
const IDLETIME = keyCommand(['OBJECT', 'IDLETIME']);
const FREQ = keyCommand(['OBJECT', 'FREQ']);
const OTHER_POLICY = /LFU maxmemory policy/i;
/** Idle seconds by which a count of uses orders keys: they need only compare. */
const IDLE_OF_FREQ = 255;

interface Found extends Candidate {
  readonly priority: number;
  readonly idle: number;
  /** It was not used for at least so long. */
  readonly idleMs: number;
}

/** The next key of the rings. */
export interface RingMark {
  readonly priority: number;
  readonly ageMs: number;
  /** Keys that full rings forgot, in all. */
  readonly dropped: number;
}

export class ScanSource implements KeySource {
  private pool: Found[] = [];
  private sorted = true;
  private readonly links = new Map<number, Link>();
  private left: number[] = [];
  private cursor = '0';
  /** Keys that come before those of the rings. */
  private dueInWalk = 0;
  /** undefined: the rings have no key. */
  private mark: RingMark | undefined;
  private droppedBefore = 0;
  private pageAt = Number.NEGATIVE_INFINITY;
  private nothingUntil = Number.NEGATIVE_INFINITY;
  private asking = false;
  private askFreq = false;
  private closed = false;
  private readonly questions = new Batch();

  constructor(private readonly options: ScanOptions) {}

  take(most: number, mostBytes: number): Candidate[] {
    // Sizes are not known: some keys at a time.
    const count = Math.min(most, Math.max(1, Math.floor(mostBytes / 1024)), this.ready);
    return this.pool.splice(this.pool.length - count, count).reverse();
  }

  /** Only keys that come before this one are wanted from now on. Returns how many of them there are. */
  seek(mark: RingMark | undefined): number {
    this.mark = mark;
    return this.ready;
  }

  current<T extends { readonly candidate: Candidate }>(of: readonly T[]): readonly T[] {
    return of.filter(({ candidate: { db, key } }) => !this.options.knows(db, key));
  }

  /** It was used meanwhile: a later walk may find it again. */
  again(): void {}

  learn(): void {}

  /** Keys are wanted: the walk goes on where it is its time. */
  walkOn(): void {
    const now = this.options.clock();
    if (this.closed || this.asking || this.ready >= POOL / 2) return;
    if (now - this.pageAt < PAGE_MS || now < this.waitsUntil) return;
    this.pageAt = now;
    this.asking = true;
    void this.page()
      .catch(() => {
        this.left = [];
        this.nothingUntil = this.options.clock() + AFTER_NOTHING_MS / 30;
      })
      .finally(() => {
        this.asking = false;
      });
  }

  /** How many keys of the pool are wanted. */
  private get ready(): number {
    const { pool, mark } = this;
    if (!this.sorted) pool.sort((a, b) => b.priority - a.priority || a.idle - b.idle);
    this.sorted = true;
    if (mark === undefined) return pool.length;
    let from = pool.length;
    while (from > 0 && isBefore(pool[from - 1], mark)) from--;
    return pool.length - from;
  }

  /** The next walk begins later where all keys are known, until a ring forgets some. */
  private get waitsUntil(): number {
    const { mark, nothingUntil } = this;
    const allKnown = mark !== undefined && mark.dropped === this.droppedBefore;
    return allKnown ? nothingUntil - AFTER_NOTHING_MS + AFTER_ALL_KNOWN_MS : nothingUntil;
  }

  /** Others rules apply: what was found under old ones may have to stay. */
  startOver(): void {
    this.pool = [];
    this.left = [];
    this.nothingUntil = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
  }

  private linkTo(db: number): Link {
    let link = this.links.get(db);
    if (link === undefined) {
      const { endpoint, clock } = this.options;
      link = new Link(db, { endpoint, clock });
      this.links.set(db, link);
    }
    return link;
  }

  private async page(): Promise<void> {
    if (this.left.length === 0) await this.begin();
    const { left } = this;
    if (left.length === 0) return;
    const [db] = left;
    const link = this.linkTo(db);
    const [page] = await link.ask({
      bytes: encodeCommand('SCAN', this.cursor, 'COUNT', String(PAGE_KEYS)),
      count: 1,
    });
    if (page instanceof Error) throw page;
    const [cursor, keys] = page as readonly [Buffer, readonly Buffer[]];
    const next = cursor.toString('latin1');
    const { knows } = this.options;
    const rules = this.options.rules().view(db, undefined);
    const due = keys.flatMap((key) => {
      const rule = rules.find(key, 0, key.length);
      return rule.evict && !rule.observe && !knows(db, key)
        ? [{ key: Buffer.from(key), slot: rule.slot, priority: rule.priority }]
        : [];
    });
    if (due.length > 0) await this.judge(link, db, due);
    if (left !== this.left) return;
    this.cursor = next;
    if (next !== '0') return;
    left.shift();
    if (left.length > 0) return;
    if (this.dueInWalk === 0) this.foundNothing();
  }

  private foundNothing(): void {
    this.nothingUntil = this.options.clock() + AFTER_NOTHING_MS;
    this.droppedBefore = this.mark?.dropped ?? 0;
  }

  private async begin(): Promise<void> {
    const [info] = await this.linkTo(0).ask({ bytes: encodeCommand('INFO', 'keyspace'), count: 1 });
    if (info instanceof Error) throw info;
    const used = [...String(info).matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
    this.left = used.slice(0, MOST_DATABASES);
    this.cursor = '0';
    this.dueInWalk = 0;
    if (used.length === 0) this.foundNothing();
  }

  private async judge(
    link: Link,
    db: number,
    keys: readonly { readonly key: Buffer; readonly slot: number; readonly priority: number }[],
    again = true,
  ): Promise<void> {
    const { questions, askFreq } = this;
    questions.clear();
    for (const { key } of keys) questions.about(askFreq ? FREQ : IDLETIME, key);
    const replies = await link.ask({ bytes: Buffer.from(questions.bytes), count: keys.length });
    if (replies.some((reply) => reply instanceof Error && OTHER_POLICY.test(reply.message))) {
      this.askFreq = !askFreq;
      // The other question is the one that the server understands; unless its policy changes at this moment again.
      return again ? this.judge(link, db, keys, false) : undefined;
    }
    const now = this.options.clock();
    for (const [i, { key, slot, priority }] of keys.entries()) {
      const idle = this.idleBy(replies[i], askFreq);
      if (idle === undefined) continue;
      const at = askFreq ? now : now - idle * 1000;
      const idleMs = askFreq ? idleByFreq(IDLE_OF_FREQ - idle) : idle * 1000;
      const found = { db, key, slot, priority, idle, idleMs, bytes: 0, at };
      this.pool.push(found);
      if (this.mark === undefined || isBefore(found, this.mark)) this.dueInWalk++;
    }
    this.sorted = false;
    if (this.pool.length > POOL) {
      this.pool.sort((a, b) => b.priority - a.priority || a.idle - b.idle);
      this.pool.splice(0, this.pool.length - POOL);
    }
    this.options.onFound();
  }

  /** undefined: the key is gone. */
  private idleBy(reply: Reply, askFreq: boolean): number | undefined {
    // Without the right to ask, all are alike.
    if (reply instanceof Error) return 0;
    if (typeof reply !== 'number') return undefined;
    return askFreq ? IDLE_OF_FREQ - reply : reply;
  }
}

/** Whether the key goes before the next one of the rings: of a lower priority, or older than anything in them. */
function isBefore({ priority, idleMs }: Found, mark: RingMark): boolean {
  return priority < mark.priority || (priority === mark.priority && idleMs > mark.ageMs + UNSHARP_MS);
}
