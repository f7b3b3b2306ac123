// PROXY questions. The server decides whether the client may ask: Spillway sends INFO in the question's place. So NOAUTH,
// NOPERM and the like are the server's own words, and ASKING or CLIENT CACHING before the question is used up.
// A question that has gone up, or waits for a connection, has a number, so that its owner can limit how long it waits.
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { DETAIL_LIMIT } from '../reply/pending-queue.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { type ConsoleQuestion, wordsOf } from './console-question.js';

/** Needs the right to INFO, costs nothing, and is answered while the server loads. No server has this section. */
const PROBE = encodeCommand('INFO', 'spillway');

export class ConsoleProbe {
  /** The question that the client may ask, until the owner takes it. */
  private question: ConsoleQuestion | undefined;
  private words: readonly string[] = [];
  private number = 0;
  /** How often a question has begun to wait. */
  private begun = 0;
  /** The number of the question that waits for the server, from 1 on; 0: none. */
  waits = 0;
  /** It has not gone up yet. */
  isHeld = false;

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
  ) {}

  /** The question under scan waits for a connection, or for the end of a pause. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.waits = ++this.begun;
  }

  /** What was held is scanned again. */
  resumed(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.waits = 0;
  }

  /** The question that has gone up waits no longer. */
  settle(): void {
    if (!this.isHeld) this.waits = 0;
  }

  /** Sends INFO in place of the question under scan. `answers`: it gets a reply. Returns the question's number. */
  send(answers: boolean): number {
    if (answers) this.waits = ++this.begun;
    this.upstream.replaceCommand(PROBE);
    this.number = (this.number + 1) % DETAIL_LIMIT;
    this.words = wordsOf(this.args);
    return this.number;
  }

  /** The server has answered INFO: the client may ask. */
  allowed(number: number, resp: 2 | 3): void {
    this.waits = 0;
    this.question = { number, words: this.words, resp };
  }

  /** Returns the question once. */
  take(): ConsoleQuestion | undefined {
    const { question } = this;
    this.question = undefined;
    return question;
  }
}
