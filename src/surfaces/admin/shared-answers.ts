// Answers that take a while to make, for many who ask at once: each is made once for all who asked before it was begun, and
// making them takes a small share of the time, so that who asks in a loop does not hold up the clients.
// Owns the questions that wait, and when the next answer may be made.
// Invariants: nobody gets an answer that was begun before he asked; one is made at a time; who asks alone does not wait.

/** Between two answers it is rested so many times as long as the last one took, and LONGEST_REST_MS at most. */
const REST = 9;
const LONGEST_REST_MS = 250;

interface Waiting<T> {
  readonly make: () => Promise<T>;
  readonly answer: Promise<T>;
  readonly resolve: (answer: Promise<T>) => void;
}

export class SharedAnswers<T> {
  /** By question, in the order in which they were first asked. */
  private readonly waiting = new Map<string, Waiting<T>>();
  private makes = false;
  private mayMakeAt = 0;

  /** @param longestRestMs 0: whoever makes the answers rests by himself */
  constructor(private readonly longestRestMs = LONGEST_REST_MS) {}

  /** Resolves or rejects as what `make` returns, which is called at once or soon; for all who ask the same it does. */
  ask(question: string, make: () => Promise<T>): Promise<T> {
    const asked = this.waiting.get(question);
    if (asked !== undefined) return asked.answer;
    let resolve: Waiting<T>['resolve'] = () => {};
    const answer = new Promise<T>((settle) => {
      resolve = settle;
    });
    this.waiting.set(question, { make, answer, resolve });
    this.next();
    return answer;
  }

  private next(): void {
    const [first] = this.waiting;
    if (this.makes || first === undefined) return;
    this.makes = true;
    const rest = this.mayMakeAt - performance.now();
    if (rest > 0) setTimeout(() => void this.make(...first), rest);
    else void this.make(...first);
  }

  private async make(question: string, { make, resolve }: Waiting<T>): Promise<void> {
    this.waiting.delete(question);
    const from = performance.now();
    const answer = make();
    resolve(answer);
    await answer.catch(() => {});
    const to = performance.now();
    this.mayMakeAt = to + Math.min(this.longestRestMs, REST * (to - from));
    this.makes = false;
    this.next();
  }
}
