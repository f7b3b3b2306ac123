// A worker's clients ask, the primary answers: one round of questions under way at a time, whoever calls sees to that.
// Invariant: each round is answered, by the primary or after a while by an error.
import { errorReply } from '../../core/resp/client-errors.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import { CONSOLE_LIMIT_MS } from '../service.js';

const TOO_LATE = errorReply('PROXY_TOO_LATE');

export class ConsoleLine {
  /** What the primary was asked last. */
  private answer: (replies: readonly Uint8Array[]) => void = () => {};
  private number = 0;

  constructor(
    private readonly send: (number: number, questions: readonly ConsoleQuestion[]) => void,
    private readonly limitMs = CONSOLE_LIMIT_MS,
  ) {}

  /** Resolves with the replies to the first ones, at least one. */
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

  /** The primary's replies; those that come too late are nobody's. */
  hear(number: number, replies: readonly Uint8Array[]): void {
    if (number === this.number) this.answer(replies);
  }
}
