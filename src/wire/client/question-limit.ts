// How long a client's PROXY question waits for the server: to say whether the client may ask, and before that for a connection.
// Owns the timer. Invariant: while a question waits, the timer runs; it runs anew for each question.
import { CONSOLE_LIMIT_MS } from '../../core/session/state/console-question.js';

export class QuestionLimit {
  private question = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param over the question has waited too long; it may have to wait on */
  constructor(private readonly over: () => void) {}

  /** The number of the question that waits by now; 0: none. */
  watch(question: number): void {
    if (question === this.question) return;
    this.question = question;
    clearTimeout(this.timer);
    if (question !== 0) this.start();
  }

  close(): void {
    this.watch(0);
  }

  private start(): void {
    this.timer = setTimeout(() => {
      const { question } = this;
      this.over();
      if (this.question === question && question !== 0) this.start();
    }, CONSOLE_LIMIT_MS).unref();
  }
}
