// Finds keys that no ring knows: from before the start, written by others, or forgotten by a full ring. Walks over all keys by
// SCAN, page by page, keeps the idlest of those whose rule has evict, and hands them out: rules of the lowest priority first,
// then the idlest keys. While the rings have keys, it hands out only keys that come before those.
// Invariants: at most POOL keys are kept; SCAN passes at most PAGE_KEYS keys each PAGE_MS, and only while keys are wanted (in a
// hurry one page follows the other, as long as they have such keys); a key that was used after it was found is not unlinked,
// because the unlinker asks again.
import type { RuleSet } from '../core/policy/rule-set.js';
import { encodeCommand } from '../core/resp/encode.js';
import { MOST_EXAMINED, parseDatabases } from '../memory/reading.js';
import { Batch } from '../tools/keyspace/batch.js';
import { FREQ, IDLETIME, OTHER_POLICY } from '../tools/keyspace/key-questions.js';
import type { Reply } from '../tools/keyspace/pipe.js';
import type { Candidate } from './candidates.js';
import type { KeySource } from './key-source.js';
import { Link, type LinkOptions } from './link.js';
import { LIKELY_BYTES } from './observation.js';
import { idleByFreq, UNSHARP_MS } from './second-chance.js';

export interface ScanOptions extends Pick<LinkOptions, 'endpoint' | 'clock'> {
  readonly rules: () => RuleSet;
  /** Whether this process already knows the key. */
  readonly knows: (db: number, key: Uint8Array) => boolean;
  /** More keys were found. */
  readonly onFound: () => void;
  /** Only keys of these rules are wanted; undefined: of all. */
  readonly wants?: (slot: number) => boolean;
}

const POOL = 4096;
const PAGE_KEYS = 500;
const PAGE_MS = 25;
/** In a hurry pages with fewer keys to be evicted are not worth their cost. */
const WORTH_KEYS = PAGE_KEYS / 20;
/** How long the next walk waits: after a walk that found nothing; and while the rings have keys and forget none. */
const AFTER_NOTHING_MS = 30_000;
const AFTER_ALL_KNOWN_MS = 600_000;
/** After a failure it tries again soon; only if that lasts does it no longer count on finding keys. */
const AFTER_FAILURE_MS = 500;
const FAILING_MS = 2000;
/** Keys over which their mean size is learnt. */
const LEARNS_OVER = 64;
/** Idle seconds for a count of uses: they only need to order keys. */
const IDLE_OF_FREQ = 255;

interface Found extends Candidate {
  readonly priority: number;
  readonly idle: number;
  /** It was not used for at least this time. */
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
  /** Keys that may be evicted, and of these the keys that come before those of the rings. */
  private inWalk = 0;
  private dueInWalk = 0;
  /** undefined: the rings have no key. */
  private mark: RingMark | undefined;
  private droppedBefore = 0;
  private pageAt = Number.NEGATIVE_INFINITY;
  private hurries = false;
  /** Keys to be evicted in the last page. */
  private inPage = 0;
  private nothingUntil = Number.NEGATIVE_INFINITY;
  /** After a failure. */
  private retryAt = Number.NEGATIVE_INFINITY;
  private asking = false;
  private askFreq = false;
  private closed = false;
  /** Since when the server has answered no question; Infinity: it answers. */
  private failingSince = Number.POSITIVE_INFINITY;
  /** The last walk came past no key that may be evicted and that no ring knows. */
  foundNone = false;
  private readonly questions = new Batch();
  /** Of the keys that were handed out lately. */
  private meanBytes = LIKELY_BYTES;

  constructor(private readonly options: ScanOptions) {}

  take(most: number, mostBytes: number): Candidate[] {
    const count = Math.min(most, Math.max(1, Math.round(mostBytes / this.meanBytes)), this.ready);
    return this.pool.splice(this.pool.length - count, count).reverse();
  }

  /** From now on only keys that come before this one are wanted. Returns how many there are. */
  seek(mark: RingMark | undefined): number {
    this.mark = mark;
    return this.ready;
  }

  current<T extends { readonly candidate: Candidate }>(of: readonly T[]): readonly T[] {
    return of.filter(({ candidate: { db, key } }) => !this.options.knows(db, key));
  }

  /** It was used meanwhile: a later walk may find it again. */
  again(): void {}

  learn(_slot: number, bytes: number): void {
    this.meanBytes += (bytes - this.meanBytes) / LEARNS_OVER;
  }

  /** Keys are wanted: continues the walk if its time has come. `hurries`: until the next call page follows page. */
  walkOn(hurries = false): void {
    this.hurries = hurries;
    const now = this.options.clock();
    if (this.closed || this.asking || this.ready >= POOL / 2) return;
    const paceMs = hurries && this.inPage >= WORTH_KEYS ? 0 : PAGE_MS;
    if (now - this.pageAt < paceMs || now < this.waitsUntil) return;
    this.pageAt = now;
    this.asking = true;
    void this.page()
      .then(() => {
        this.failingSince = Number.POSITIVE_INFINITY;
      })
      .catch(() => {
        this.inPage = 0;
        const failedAt = this.options.clock();
        this.failingSince = Math.min(failedAt, this.failingSince);
        this.left = [];
        this.retryAt = failedAt + AFTER_FAILURE_MS;
      })
      .finally(() => {
        this.asking = false;
        if (this.hurries) this.walkOn(true);
      });
  }

  /** Whether it can find keys, as far as known. */
  get finds(): boolean {
    return this.pool.length > 0 || this.options.clock() - this.failingSince < FAILING_MS;
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

  /** If all keys are known, the next walk begins later, unless a ring forgets some. */
  private get waitsUntil(): number {
    const { mark, nothingUntil } = this;
    // It must learn whether the server answers again; or it passed younger keys than those of the rings, which are wanted now.
    if (Number.isFinite(this.failingSince) || (mark === undefined && !this.foundNone)) return this.retryAt;
    const allKnown = mark !== undefined && mark.dropped === this.droppedBefore;
    const more = allKnown ? AFTER_ALL_KNOWN_MS - AFTER_NOTHING_MS : 0;
    return Math.max(this.retryAt, nothingUntil + more);
  }

  /** The rules have changed: keys that were found under the old ones may have to stay. */
  startOver(): void {
    this.pool = [];
    this.left = [];
    this.foundNone = false;
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
    const { knows, wants } = this.options;
    const rules = this.options.rules().view(db, undefined);
    const due = keys.flatMap((key) => {
      const rule = rules.find(key, 0, key.length);
      return rule.evict && !rule.observe && wants?.(rule.slot) !== false && !knows(db, key)
        ? [{ key: Buffer.from(key), slot: rule.slot, priority: rule.priority }]
        : [];
    });
    this.inPage = due.length;
    if (due.length > 0) await this.judge(link, db, due);
    if (left !== this.left) return;
    this.cursor = next;
    if (next !== '0') return;
    left.shift();
    if (left.length > 0) return;
    this.foundNone = this.inWalk === 0;
    if (this.dueInWalk === 0) this.foundNothing();
  }

  private foundNothing(): void {
    this.nothingUntil = this.options.clock() + AFTER_NOTHING_MS;
    this.droppedBefore = this.mark?.dropped ?? 0;
  }

  private async begin(): Promise<void> {
    const [info] = await this.linkTo(0).ask({ bytes: encodeCommand('INFO', 'keyspace'), count: 1 });
    if (info instanceof Error) throw info;
    const used = parseDatabases(String(info));
    this.left = used.slice(0, MOST_EXAMINED);
    this.cursor = '0';
    this.inWalk = 0;
    this.dueInWalk = 0;
    if (used.length > 0) return;
    this.foundNone = true;
    this.foundNothing();
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
      // The other question is the one that the server understands, unless its policy changes again at this moment.
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
      this.inWalk++;
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
    // Without the right to ask, all keys count alike.
    if (reply instanceof Error) return 0;
    if (typeof reply !== 'number') return undefined;
    return askFreq ? IDLE_OF_FREQ - reply : reply;
  }
}

/** Whether the key comes before the next one of the rings: it has a lower priority, or is older than all of them. */
function isBefore({ priority, idleMs }: Found, mark: RingMark): boolean {
  return priority < mark.priority || (priority === mark.priority && idleMs > mark.ageMs + UNSHARP_MS);
}
