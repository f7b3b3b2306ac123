// Asks the server about keys that were chosen, before they are unlinked: how large they are, if that is unknown (MEMORY USAGE),
// and whether they were read since they were written, or since their last chance (OBJECT IDLETIME, or FREQ with an lfu policy).
// A key that was read goes back to the source, as its youngest. Age alone decides if `urgent` is set, if hardly any key of a
// rule was read (read-share.ts), or if there are too many keys to ask about.
// Invariant: at most QUESTIONS_PER_S questions whether a key was read in a second, and QUESTIONS_AT_ONCE at a time.
import { Batch } from '../tools/keyspace/batch.js';
import { FREQ, IDLETIME, memoryUsage, OTHER_POLICY } from '../tools/keyspace/key-questions.js';
import type { Reply } from '../tools/keyspace/pipe.js';
import type { Candidate } from './candidates.js';
import type { KeySource } from './key-source.js';
import { type Link, mayNotRun, type Question } from './link.js';
import { LIKELY_BYTES } from './observation.js';
import { ReadShare } from './read-share.js';
import { ASK_FROM_MS, readSinceByFreq, readSinceByIdle } from './second-chance.js';

export interface InquiryOptions {
  readonly source: Pick<KeySource, 'again' | 'learn'>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** These keys were chosen some time ago: each is asked about, if possible, however few were read. */
  readonly asksAll?: boolean;
}

/** A key that may be unlinked. */
export interface DueKey {
  readonly candidate: Candidate;
  /** The memory that it takes: as the server said, or by estimate. */
  readonly bytes: number;
}

/** Questions about keys in a second, and at a time. */
const QUESTIONS_PER_S = 10_000;
const QUESTIONS_AT_ONCE = 1000;
const USAGE = memoryUsage(5);

interface Asked extends DueKey {
  bytes: number;
  /** Which of the batch's questions concern it; -1: none. */
  usage: number;
  idle: number;
}

interface Inquiry {
  readonly question: Question;
  readonly about: readonly Asked[];
}

export class KeyInquiry {
  /** Age alone decides. */
  urgent = false;
  private readonly questions = new Batch();
  private readonly reads = new ReadShare();
  private asksFreq = false;
  private tokens = QUESTIONS_AT_ONCE;
  private refilledAt: number;

  constructor(private readonly options: InquiryOptions) {
    this.refilledAt = options.clock();
  }

  /** Those of `taken` that may be unlinked. Rejects if the link is lost, or the server refuses OBJECT. */
  async due(link: Link, taken: readonly Candidate[]): Promise<readonly DueKey[]> {
    const { asksFreq } = this;
    const due = await this.ask(link, taken);
    if (this.asksFreq === asksFreq) return due;
    // The server's policy has changed: it understands the other question.
    return this.ask(
      link,
      due.map(({ candidate }) => candidate),
    );
  }

  private async ask(link: Link, taken: readonly Candidate[]): Promise<readonly DueKey[]> {
    const { asksFreq } = this;
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
        questions.about(this.asksFreq ? FREQ : IDLETIME, candidate.key);
        each.idle = replies++;
      }
      about.push(each);
    }
    if (replies === 0) return undefined;
    return { question: { bytes: Buffer.from(questions.bytes), count: replies }, about };
  }

  private wasRead(idle: Reply | undefined, age: number, asksFreq: boolean): boolean {
    if (idle instanceof Error) {
      if (OTHER_POLICY.test(idle.message)) this.asksFreq = !asksFreq;
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
}

function unasked(candidate: Candidate): Asked {
  return { candidate, bytes: candidate.bytes || LIKELY_BYTES, usage: -1, idle: -1 };
}
