// Questions to Spillway. Whether the client may ask is for the server to say, by what it answers to INFO in the question's
// place: so NOAUTH, NOPERM and the like are the server's own, and what is bound to the next command is used up.
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { DETAIL_LIMIT } from '../reply/pending-queue.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { type ConsoleQuestion, wordsOf } from './console-question.js';

/** Needs the right to be told of the server, costs nothing, and is answered while it loads. No server has the section. */
const PROBE = encodeCommand('INFO', 'spillway');

export class ConsoleProbe {
  /** What the client asks, and may ask. */
  private question: ConsoleQuestion | undefined;
  private words: readonly string[] = [];
  private number = 0;

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
  ) {}

  /** The question under scan: INFO goes up in its place. Returns the question's number. */
  send(): number {
    this.upstream.replaceCommand(PROBE);
    this.number = (this.number + 1) % DETAIL_LIMIT;
    this.words = wordsOf(this.args);
    return this.number;
  }

  /** The server would tell the client of itself. */
  allowed(number: number, resp: 2 | 3): void {
    this.question = { number, words: this.words, resp };
  }

  /** Each question that may be asked is given once. */
  take(): ConsoleQuestion | undefined {
    const { question } = this;
    this.question = undefined;
    return question;
  }
}
