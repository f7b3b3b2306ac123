// Unlinks the next keys, up to the number of bytes that the evictor orders, on connections of its own (link.ts): one for each
// database that has such keys, up to LINKS.
//
//   take 64 keys, 1 MB ─▶ size? read since? (MEMORY USAGE, OBJECT IDLETIME or FREQ) ─▶ still as chosen? ─▶ UNLINK ─▶ count
//
// A key that was read since it was written, or since its last chance, goes to the end of the ring. If there are too many keys
// to ask about, if hardly any was read (read-share.ts), or if memory is well above the start, age alone decides.
// It is long because the whole way of a batch is here, from choice to count, with the meaning of each fault on it.
// Invariants: no key is unlinked that was written since it was chosen, as far as the source knows; at most LANES batches are
// under way; after a fault nothing is unlinked until the link is back.
import { Batch } from '../tools/keyspace/batch.js';
import { FREQ, IDLETIME, memoryUsage, OTHER_POLICY } from '../tools/keyspace/key-questions.js';
import type { Reply } from '../tools/keyspace/pipe.js';
import type { Candidate } from './candidates.js';
import type { KeySource } from './key-source.js';
import { isTrouble, Link, type LinkOptions, mayNotRun, type Question } from './link.js';
import { LIKELY_BYTES } from './observation.js';
import { ReadShare } from './read-share.js';
import { ASK_FROM_MS, readSinceByFreq, readSinceByIdle } from './second-chance.js';
import { UnlinkCommands } from './unlink-command.js';

/** Counts unlinked keys of a rule. `livedMs`: from their writes until now, the sum of all. */
export type Evicted = (slot: number, keys: number, bytes: number, livedMs: number) => void;

export interface UnlinkerOptions extends Pick<LinkOptions, 'endpoint' | 'clock'> {
  readonly source: KeySource;
  /** Batches under way; if the source answers late, more than the server has at a time. */
  readonly lanes?: number;
  /** These keys were chosen some time ago: each is asked about, if possible, however few were read. */
  readonly asksAll?: boolean;
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
/** Questions about keys in a second, and at a time. */
const QUESTIONS_PER_S = 10_000;
const QUESTIONS_AT_ONCE = 1000;
/** The server frees larger values in the background. */
export const LAZY_BYTES = 16 * 1024;
/** A confirmation that a key may still be evicted is good for this long. */
const CONFIRMED_MS = 20;
/** How long to wait after a refusal. */
const PAUSE_MS = 1000;

const USAGE = memoryUsage(5);

interface Asked {
  readonly candidate: Candidate;
  bytes: number;
  /** Which of the batch's questions concern it; -1: none. */
  usage: number;
  idle: number;
}

interface Inquiry {
  readonly question: Question;
  readonly about: readonly Asked[];
}

export class Unlinker {
  /** Estimated bytes that were freed. */
  freed = 0;
  /** The last time that it looked, there was nothing to take. */
  dry = false;
  /** By database. The link to database 0 exists from the start, so that a missing right is known before it is needed. */
  private readonly links = new Map<number, Link>();
  private readonly commands = new UnlinkCommands();
  private readonly questions = new Batch();
  private readonly reads = new ReadShare();
  private lanes = 0;
  private atServer = 0;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;
  private goal = 0;
  private urgent = false;
  private askFreq = false;
  private tokens = QUESTIONS_AT_ONCE;
  private refilledAt: number;
  private pausedUntil = Number.NEGATIVE_INFINITY;
  private refusal: string | undefined;
  private meanLazy = LAZY_BYTES;
  /** For the keys that were unlinked lately. */
  meanBytes = LIKELY_BYTES;
  /** That is known. */
  private isSized = false;
  private closed = false;

  constructor(private readonly options: UnlinkerOptions) {
    this.refilledAt = options.clock();
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

  /** Mean size of the values that were freed in the background. */
  get meanLazyBytes(): number {
    return this.meanLazy;
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
    this.urgent = urgent;
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
    const { endpoint, clock } = this.options;
    const link = new Link(db, { endpoint, clock });
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
        for (const [db, some] of byDatabase(taken)) await this.evictOf(db, some);
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
    const asksFreq = this.askFreq;
    let due = await this.answered(link, taken);
    // The server's policy has changed: it understands the other question.
    if (this.askFreq !== asksFreq)
      due = await this.answered(
        link,
        due.map(({ candidate }) => candidate),
      );
    due = [...(await this.options.source.current(due))];
    const confirmedAt = this.options.clock();
    await this.enter();
    try {
      await link.open();
      // While they waited for the server they may have been written.
      if (this.options.clock() - confirmedAt > CONFIRMED_MS)
        due = [...(await this.options.source.current(due))];
      if (due.length > 0) await this.unlink(link, [...bySlot(due).values()]);
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

  private async unlink(link: Link, groups: readonly Asked[][]): Promise<void> {
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
  private count(group: readonly Asked[], there: number): void {
    const now = this.options.clock();
    const share = there / group.length;
    let bytes = 0;
    let livedMs = 0;
    for (const { bytes: size, candidate } of group) {
      this.options.onGone(candidate.slot, candidate.key);
      bytes += size;
      livedMs += now - candidate.at;
      if (size >= LAZY_BYTES) this.meanLazy += (size - this.meanLazy) / 8;
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

  /** The questions about keys whose size is unknown, or that may have been read; undefined: none. */
  private questionsAbout(link: Link, taken: readonly Candidate[]): Inquiry | undefined {
    const now = this.options.clock();
    const { questions } = this;
    this.refill(now);
    questions.clear();
    const about: Asked[] = [];
    let replies = 0;
    for (const candidate of taken) {
      const mayAsk = link.mayAsk && !this.urgent && this.tokens >= 1;
      const each = unasked(candidate);
      const wantsUsage = candidate.bytes === 0;
      const asks = this.options.asksAll === true || this.reads.asks(candidate.slot);
      const wantsIdle = asks && mayAsk && now - candidate.at >= ASK_FROM_MS;
      if (wantsUsage) {
        questions.about(USAGE, candidate.key);
        each.usage = replies++;
      }
      if (wantsIdle) {
        this.tokens--;
        questions.about(this.askFreq ? FREQ : IDLETIME, candidate.key);
        each.idle = replies++;
      }
      about.push(each);
    }
    if (replies === 0) return undefined;
    return { question: { bytes: Buffer.from(questions.bytes), count: replies }, about };
  }

  /** Asks; returns the keys to unlink. */
  private async answered(link: Link, taken: readonly Candidate[]): Promise<Asked[]> {
    const asksFreq = this.askFreq;
    const inquiry = this.questionsAbout(link, taken);
    if (inquiry === undefined) return taken.map(unasked);
    const { question, about } = inquiry;
    const replies = await link.ask(question);
    const now = this.options.clock();
    const due: Asked[] = [];
    for (const each of about) {
      const { candidate } = each;
      const usage = each.usage < 0 ? undefined : replies[each.usage];
      const idle = each.idle < 0 ? undefined : replies[each.idle];
      if (idle instanceof Error && mayNotRun(idle)) {
        link.refused(idle);
        throw idle;
      }
      // It is gone.
      if (usage === null || idle === null) continue;
      if (typeof usage === 'number') {
        each.bytes = usage;
        this.options.source.learn(candidate.slot, usage);
      }
      const wasRead = this.wasRead(idle, now - candidate.at, asksFreq);
      if (typeof idle === 'number') this.reads.learn(candidate.slot, wasRead);
      if (wasRead) this.options.source.again(candidate);
      else due.push(each);
    }
    return due;
  }

  private wasRead(idle: Reply | undefined, age: number, asksFreq: boolean): boolean {
    if (idle instanceof Error) {
      if (OTHER_POLICY.test(idle.message)) this.askFreq = !asksFreq;
      return false;
    }
    if (typeof idle !== 'number') return false;
    return asksFreq ? readSinceByFreq(age, idle) : readSinceByIdle(age, idle);
  }

  private refill(now: number): void {
    const passed = now - this.refilledAt;
    this.refilledAt = now;
    this.tokens = Math.min(QUESTIONS_AT_ONCE, this.tokens + (passed * QUESTIONS_PER_S) / 1000);
  }

  /** The server has refused to unlink these keys. */
  private refused(link: Link, error: Error, group: readonly Asked[]): void {
    for (const { candidate } of group) this.options.source.again(candidate);
    if (isTrouble(error)) link.refused(error);
    else
      this.pause(`the user of upstream.url may not unlink the keys of a rule with evict: ${error.message}`);
  }

  private pause(why: string): void {
    this.refusal = why;
    this.pausedUntil = this.options.clock() + PAUSE_MS;
  }
}

function unasked(candidate: Candidate): Asked {
  return { candidate, bytes: candidate.bytes || LIKELY_BYTES, usage: -1, idle: -1 };
}

function bySlot(due: readonly Asked[]): Map<number, Asked[]> {
  const groups = new Map<number, Asked[]>();
  for (const each of due) {
    const group = groups.get(each.candidate.slot);
    if (group === undefined) groups.set(each.candidate.slot, [each]);
    else group.push(each);
  }
  return groups;
}

function byDatabase(taken: readonly Candidate[]): Iterable<readonly [number, readonly Candidate[]]> {
  const [{ db: first }] = taken;
  if (taken.every(({ db }) => db === first)) return [[first, taken]];
  const groups = new Map<number, Candidate[]>();
  for (const candidate of taken) {
    const group = groups.get(candidate.db);
    if (group === undefined) groups.set(candidate.db, [candidate]);
    else group.push(candidate);
  }
  return groups;
}
