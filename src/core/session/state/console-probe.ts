// PROXY questions. The server decides whether the client may ask: Spillway sends INFO in the question's place. So NOAUTH,
// NOPERM and the like are the server's own words, and ASKING or CLIENT CACHING before the question is used up.
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

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
  ) {}

  /** Sends INFO in place of the question under scan. Returns the question's number. */
  send(): number {
    this.upstream.replaceCommand(PROBE);
    this.number = (this.number + 1) % DETAIL_LIMIT;
    this.words = wordsOf(this.args);
    return this.number;
  }

  /** The server has answered INFO: the client may ask. */
  allowed(number: number, resp: 2 | 3): void {
    this.question = { number, words: this.words, resp };
  }

  /** Returns the question once. */
  take(): ConsoleQuestion | undefined {
    const { question } = this;
    this.question = undefined;
    return question;
  }
}
