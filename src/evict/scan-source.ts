// Finds keys that no ring knows: from before the start, or written by others. Walks over all keys by SCAN, page by page, keeps
// the idlest of those whose rule says evict, and hands them out, rules of the lowest priority first, then the idlest.
// Invariants: at most POOL keys are kept; SCAN passes by at most PAGE_KEYS keys each PAGE_MS, and only while keys are wanted;
// what was used after it was found is not unlinked: the unlinker asks again.
import type { RuleSet } from '../core/policy/rule-set.js';
import { encodeCommand } from '../core/resp/encode.js';
import { Batch, keyCommand } from '../tools/keyspace/batch.js';
import type { Reply } from '../tools/keyspace/pipe.js';
import type { Candidate } from './candidates.js';
import type { KeySource } from './key-source.js';
import { Link, type LinkOptions } from './link.js';

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
/** After a walk that found nothing the next one begins so much later. */
const AFTER_NOTHING_MS = 30_000;
const MOST_DATABASES = 16;
const IDLETIME = keyCommand(['OBJECT', 'IDLETIME']);
const FREQ = keyCommand(['OBJECT', 'FREQ']);
const OTHER_POLICY = /LFU maxmemory policy/i;
/** Idle seconds by which a count of uses orders keys: they need only compare. */
const IDLE_OF_FREQ = 255;

interface Found extends Candidate {
  readonly priority: number;
  readonly idle: number;
}

export class ScanSource implements KeySource {
  /** The last walk found no key that may go. */
  nothing = false;
  private pool: Found[] = [];
  private sorted = true;
  private readonly links = new Map<number, Link>();
  private left: number[] = [];
  private cursor = '0';
  private foundInWalk = 0;
  private pageAt = Number.NEGATIVE_INFINITY;
  private nothingUntil = Number.NEGATIVE_INFINITY;
  private asking = false;
  private askFreq = false;
  private closed = false;
  private readonly questions = new Batch();

  constructor(private readonly options: ScanOptions) {}

  take(most: number, mostBytes: number): Candidate[] {
    if (!this.sorted) this.pool.sort((a, b) => b.priority - a.priority || a.idle - b.idle);
    this.sorted = true;
    // Sizes are not known: some keys at a time.
    const count = Math.min(most, Math.max(1, Math.floor(mostBytes / 1024)), this.pool.length);
    return this.pool.splice(this.pool.length - count, count).reverse();
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
    if (this.closed || this.asking || this.pool.length >= POOL / 2) return;
    if (now - this.pageAt < PAGE_MS || now < this.nothingUntil) return;
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

  /** Others rules apply: what was found under old ones may have to stay. */
  startOver(): void {
    this.pool = [];
    this.left = [];
    this.nothing = false;
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
    this.nothing = this.foundInWalk === 0;
    if (this.nothing) this.nothingUntil = this.options.clock() + AFTER_NOTHING_MS;
  }

  private async begin(): Promise<void> {
    const [info] = await this.linkTo(0).ask({ bytes: encodeCommand('INFO', 'keyspace'), count: 1 });
    if (info instanceof Error) throw info;
    const used = [...String(info).matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
    this.left = used.slice(0, MOST_DATABASES);
    this.cursor = '0';
    this.foundInWalk = 0;
    if (used.length > 0) return;
    this.nothing = true;
    this.nothingUntil = this.options.clock() + AFTER_NOTHING_MS;
  }

  private async judge(
    link: Link,
    db: number,
    keys: readonly { readonly key: Buffer; readonly slot: number; readonly priority: number }[],
  ): Promise<void> {
    const { questions, askFreq } = this;
    questions.clear();
    for (const { key } of keys) questions.about(askFreq ? FREQ : IDLETIME, key);
    const replies = await link.ask({ bytes: Buffer.from(questions.bytes), count: keys.length });
    const now = this.options.clock();
    for (const [i, { key, slot, priority }] of keys.entries()) {
      const idle = this.idleBy(replies[i], askFreq);
      if (idle === undefined) continue;
      this.foundInWalk++;
      const at = askFreq ? now : now - idle * 1000;
      this.pool.push({ db, key, slot, priority, idle, bytes: 0, at });
    }
    this.sorted = false;
    this.nothing = false;
    if (this.pool.length > POOL) {
      this.pool.sort((a, b) => b.priority - a.priority || a.idle - b.idle);
      this.pool.splice(0, this.pool.length - POOL);
    }
    this.options.onFound();
  }

  /** undefined: the key is gone, or this cannot be asked this way. */
  private idleBy(reply: Reply, askFreq: boolean): number | undefined {
    if (reply instanceof Error) {
      if (OTHER_POLICY.test(reply.message)) this.askFreq = !askFreq;
      // Without the right to ask, all are alike.
      return OTHER_POLICY.test(reply.message) ? undefined : 0;
    }
    if (typeof reply !== 'number') return undefined;
    return askFreq ? IDLE_OF_FREQ - reply : reply;
  }
}
