// A worker's PROXY questions on their way to the primary: one round at a time, which the caller ensures.
// Invariant: each round is answered, by the primary or, after a while, with an error.
import { errorReply } from '../../core/resp/client-errors.js';
import { CONSOLE_LIMIT_MS, type ConsoleQuestion } from '../../core/session/state/console-question.js';

const TOO_LATE = errorReply('PROXY_TOO_LATE');

export class ConsoleLine {
  /** Ends the last round. */
  private answer: (replies: readonly Uint8Array[]) => void = () => {};
  /** The number of the last round. */
  private number = 0;

  constructor(
    private readonly send: (number: number, questions: readonly ConsoleQuestion[]) => void,
    private readonly limitMs = CONSOLE_LIMIT_MS,
  ) {}

  /** Resolves with the replies to the first questions, at least one. */
  ask(questions: readonly ConsoleQuestion[]): Promise<readonly Uint8Array[]> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(questions.map(() => TOO_LATE)), this.limitMs);
      this.answer = (replies) => {
        clearTimeout(timer);
        resolve(replies);
      };
      this.send(++this.number, questions);
    });
  }

  /** The primary's replies. Late ones are dropped. */
  hear(number: number, replies: readonly Uint8Array[]): void {
    if (number === this.number) this.answer(replies);
  }
}
