// Unlinks the next keys, up to the number of bytes that the evictor orders, on connections of its own (link.ts): one for each
// database that has such keys, up to LINKS.
//
//   take 64 keys, 1 MB ─▶ how large? read since? (key-inquiry.ts) ─▶ still as chosen? ─▶ UNLINK ─▶ count
//
// Invariants: no key is unlinked that was written since it was chosen, as far as the source knows; at most LANES batches are
// under way; after a fault nothing is unlinked until the link is back.
import type { Candidate } from './candidates.js';
import { type DueKey, type InquiryOptions, KeyInquiry } from './key-inquiry.js';
import type { KeySource } from './key-source.js';
import { isTrouble, Link, type LinkOptions } from './link.js';
import { LIKELY_BYTES } from './observation.js';
import { UnlinkCommands } from './unlink-command.js';

/** Counts unlinked keys of a rule. `livedMs`: from their writes until now, the sum of all. */
export type Evicted = (slot: number, keys: number, bytes: number, livedMs: number) => void;

export interface UnlinkerOptions extends LinkOptions, InquiryOptions {
  readonly source: KeySource;
  /** Batches under way; if the source answers late, more than the server has at a time. */
  readonly lanes?: number;
  readonly onEvicted: Evicted;
  /** A key of the rule no longer exists. */
  readonly onGone: (slot: number, key: Uint8Array) => void;
}

const KEYS = 64;
/** Until it is known how large they are, of one batch at a time. */
const FIRST_KEYS = 8;
const BYTES = 1024 * 1024;
/** Batches under way, and how many of them the server has at a time. */
const LANES = 4;
const AT_SERVER = 4;
const LINKS = 16;
/** The server frees larger values in the background. */
export const LAZY_BYTES = 16 * 1024;
/** A confirmation that a key may still be evicted is good for this long. */
const CONFIRMED_MS = 20;
/** How long to wait after a refusal. */
const PAUSE_MS = 1000;

export class Unlinker {
  /** Estimated bytes that were freed. */
  freed = 0;
  /** The last time that it looked, there was nothing to take. */
  dry = false;
  /** By database. The link to database 0 exists from the start, so that a missing right is known before it is needed. */
  private readonly links = new Map<number, Link>();
  private readonly commands = new UnlinkCommands();
  private readonly inquiry: KeyInquiry;
  private lanes = 0;
  private atServer = 0;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;
  private goal = 0;
  private pausedUntil = Number.NEGATIVE_INFINITY;
  private refusal: string | undefined;
  /** Mean size of the values that were freed in the background. */
  meanLazyBytes = LAZY_BYTES;
  /** Mean size of the keys that were unlinked lately; a guess until one was (`isSized`). */
  meanBytes = LIKELY_BYTES;
  private isSized = false;
  private closed = false;

  constructor(private readonly options: UnlinkerOptions) {
    this.inquiry = new KeyInquiry(options);
    this.linkTo(0);
  }

  /** Why nothing is unlinked; undefined: keys can be unlinked. */
  get trouble(): string | undefined {
    for (const { trouble } of this.links.values()) if (trouble !== undefined) return trouble;
    return this.refusal;
  }

  /** Whether age alone decides, because the server has no OBJECT. */
  get blindToReads(): boolean {
    return [...this.links.values()].some(({ mayAsk }) => !mayAsk);
  }

  /** Connects, and stays connected. Must be called now and then. */
  tend(): void {
    if (this.refusal !== undefined && this.options.clock() >= this.pausedUntil) {
      this.refusal = undefined;
    }
    for (const link of this.links.values()) link.tend();
  }

  /** It may free this many bytes from now on. The order before no longer counts. `urgent`: by age alone. */
  free(bytes: number, urgent = false): void {
    this.tend();
    this.inquiry.urgent = urgent;
    this.goal = this.freed + bytes;
    this.work();
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
  }

  private linkTo(db: number): Link | undefined {
    const known = this.links.get(db);
    if (known !== undefined || this.links.size >= LINKS) return known;
    const link = new Link(db, this.options);
    this.links.set(db, link);
    return link;
  }

  private work(): void {
    while (this.lanes < (this.isSized ? (this.options.lanes ?? LANES) : 1) && this.wants) {
      this.lanes++;
      void this.lane().finally(() => {
        this.lanes--;
      });
    }
  }

  private get wants(): boolean {
    return !this.closed && this.freed + this.underWay < this.goal && this.trouble === undefined;
  }

  /** One batch after the other, as long as something must be freed. Never rejects. */
  private async lane(): Promise<void> {
    while (this.wants) {
      const left = Math.min(BYTES, this.goal - this.freed - this.underWay);
      const keys = Math.min(this.isSized ? KEYS : FIRST_KEYS, Math.ceil(left / this.meanBytes));
      const expected = Math.min(left, keys * this.meanBytes);
      this.underWay += expected;
      try {
        // No more than that: other batches rely on it.
        const taken = await this.options.source.take(keys, expected);
        this.dry = taken.length === 0;
        if (this.dry) return;
        for (const [db, some] of groupedBy(taken, ({ db }) => db)) await this.evictOf(db, some);
      } finally {
        this.underWay -= expected;
      }
    }
  }

  private async evictOf(db: number, taken: readonly Candidate[]): Promise<void> {
    const link = this.linkTo(db);
    // With more databases than that, the keys of the others stay.
    if (link === undefined) return;
    try {
      await this.evict(link, taken);
    } catch {
      // The keys under way may have been unlinked or not. The link says why.
      for (const candidate of taken) this.options.source.again(candidate);
    }
  }

  private async evict(link: Link, taken: readonly Candidate[]): Promise<void> {
    const { source } = this.options;
    let due = await source.current(await this.inquiry.due(link, taken));
    const confirmedAt = this.options.clock();
    await this.enter();
    try {
      await link.open();
      // While they waited for the server they may have been written.
      if (this.options.clock() - confirmedAt > CONFIRMED_MS) due = await source.current(due);
      if (due.length > 0)
        await this.unlink(link, [...groupedBy(due, ({ candidate }) => candidate.slot).values()]);
    } finally {
      this.atServer--;
      this.waiting.shift()?.();
    }
  }

  /** Waits until the server has few enough batches. */
  private async enter(): Promise<void> {
    if (this.atServer >= AT_SERVER) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.atServer++;
  }

  private async unlink(link: Link, groups: readonly DueKey[][]): Promise<void> {
    const { commands } = this;
    commands.clear();
    for (const group of groups) commands.unlink(group.map(({ candidate }) => candidate));
    const replies = await link.ask({ bytes: commands.bytes, count: commands.count });
    for (const [i, group] of groups.entries()) {
      const reply = replies[i];
      if (reply instanceof Error) this.refused(link, reply, group);
      else this.count(group, Number(reply));
    }
  }

  /** `there`: how many of these keys existed. */
  private count(group: readonly DueKey[], there: number): void {
    const now = this.options.clock();
    const share = there / group.length;
    let bytes = 0;
    let livedMs = 0;
    for (const { bytes: size, candidate } of group) {
      this.options.onGone(candidate.slot, candidate.key);
      bytes += size;
      livedMs += now - candidate.at;
      if (size >= LAZY_BYTES) this.meanLazyBytes += (size - this.meanLazyBytes) / 8;
    }
    this.learn(bytes / group.length);
    if (there === 0) return;
    this.freed += bytes * share;
    this.options.onEvicted(group[0].candidate.slot, there, bytes * share, livedMs * share);
  }

  private learn(meanBytes: number): void {
    this.meanBytes += (meanBytes - this.meanBytes) / (this.isSized ? 8 : 1);
    if (this.isSized) return;
    this.isSized = true;
    this.work();
  }

  /** The server has refused to unlink these keys. */
  private refused(link: Link, error: Error, group: readonly DueKey[]): void {
    for (const { candidate } of group) this.options.source.again(candidate);
    if (isTrouble(error)) link.refused(error);
    else {
      this.refusal = `the user of upstream.url may not unlink the keys of a rule with evict: ${error.message}`;
      this.pausedUntil = this.options.clock() + PAUSE_MS;
    }
  }
}

function groupedBy<T>(all: readonly T[], keyOf: (one: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}
