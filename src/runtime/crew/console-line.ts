// A worker's clients ask, the primary answers: one question under way at a time, the others in the order in which they
// were asked. Invariants: each question is answered once, by the primary or after a while by an error; those that wait
// are no more than the worker's clients, since each has one question at most.
import { errorReply } from '../../core/resp/client-errors.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';

/** The primary waits half a second for reports of other workers, twice if a round is under way. */
const LIMIT_MS = 3000;
const TOO_LATE = errorReply('PROXY_TOO_LATE');

interface Asked {
  readonly question: ConsoleQuestion;
  readonly answer: (reply: Uint8Array) => void;
}

export class ConsoleLine {
  private readonly waiting = new Set<Asked>();
  /** What the primary was asked last, and has not answered yet. */
  private current: Asked | undefined;
  private number = 0;

  constructor(
    private readonly send: (number: number, question: ConsoleQuestion) => void,
    private readonly limitMs = LIMIT_MS,
  ) {}

  ask(question: ConsoleQuestion): Promise<Uint8Array> {
    return new Promise((resolve) => {
      const asked: Asked = {
        question,
        answer: (reply) => {
          clearTimeout(timer);
          this.waiting.delete(asked);
          if (this.current === asked) this.current = undefined;
          resolve(reply);
          this.next();
        },
      };
      const timer = setTimeout(() => asked.answer(TOO_LATE), this.limitMs);
      this.waiting.add(asked);
      this.next();
    });
  }

  /** The primary's answer; one that comes too late is nobody's. */
  hear(number: number, reply: Uint8Array): void {
    if (number === this.number) this.current?.answer(reply);
  }

  private next(): void {
    if (this.current !== undefined) return;
    const [first] = this.waiting;
    if (first === undefined) return;
    this.current = first;
    this.send(++this.number, first.question);
  }
}
