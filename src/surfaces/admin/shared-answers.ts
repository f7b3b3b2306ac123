// Answers that take a while to make, for many who ask at once: each is made once for all who asked before it was begun, those
// to different questions are made together, and making them takes a small share of the time, so that who asks in a loop
// does not hold up the clients.
// Owns the questions that wait, and when the next answers may be made.
// Invariants: nobody gets an answer that was begun before he asked, nor waits for one longer than the limit; one round of
// answers is made at a time, for MOST_AT_ONCE questions at most; who asks alone does not wait.

/** Between two rounds it is rested so many times as long as the last one took, and LONGEST_REST_MS at most. */
const REST = 9;
const LONGEST_REST_MS = 250;
const MOST_AT_ONCE = 64;

interface Waiting<Q, A> {
  readonly question: Q;
  readonly answer: Promise<A>;
  readonly resolve: (answer: A | Promise<A>) => void;
  readonly reject: (error: unknown) => void;
  /** It was too late for an answer. */
  isOver: boolean;
}

export interface SharedAnswersOptions<A> {
  /** 0: whoever makes the answers rests by himself. */
  readonly longestRestMs?: number;
  /** What who has waited for so long gets instead of an answer. */
  readonly late?: { readonly afterMs: number; readonly answer: A };
}

export class SharedAnswers<Q, A> {
  /** By key, in the order in which they were first asked. */
  private waiting = new Map<string, Waiting<Q, A>>();
  private makes = false;
  private mayMakeAt = 0;

  /** @param make answers the first questions, one at least, in order; those that it leaves wait for the next round */
  constructor(
    private readonly make: (questions: readonly Q[]) => Promise<readonly A[]>,
    private readonly options: SharedAnswersOptions<A> = {},
  ) {}

  /** Resolves or rejects as `make` does, for all who ask the same: whose `key` is the same. */
  ask(key: string, question: Q): Promise<A> {
    const asked = this.waiting.get(key);
    if (asked !== undefined) return asked.answer;
    let resolve: Waiting<Q, A>['resolve'] = () => {};
    let reject: Waiting<Q, A>['reject'] = () => {};
    const answer = new Promise<A>((settle, fail) => {
      resolve = settle;
      reject = fail;
    });
    const waiting = { question, answer, resolve, reject, isOver: false };
    this.waiting.set(key, waiting);
    this.limit(key, waiting);
    this.next();
    return answer;
  }

  private limit(key: string, waiting: Waiting<Q, A>): void {
    const { late } = this.options;
    if (late === undefined) return;
    const timer = setTimeout(() => {
      waiting.isOver = true;
      if (this.waiting.get(key) === waiting) this.waiting.delete(key);
      waiting.resolve(late.answer);
    }, late.afterMs);
    const settled = (): void => clearTimeout(timer);
    waiting.answer.then(settled, settled);
  }

  private next(): void {
    if (this.makes || this.waiting.size === 0) return;
    this.makes = true;
    const rest = this.mayMakeAt - performance.now();
    if (rest > 0) setTimeout(() => void this.round(), rest);
    else void this.round();
  }

  private async round(): Promise<void> {
    const asked = [...this.waiting].slice(0, MOST_AT_ONCE);
    for (const [key] of asked) this.waiting.delete(key);
    const from = performance.now();
    try {
      if (asked.length > 0) await this.answer(asked);
    } catch (error) {
      for (const [, { reject }] of asked) reject(error);
    }
    const to = performance.now();
    const { longestRestMs = LONGEST_REST_MS } = this.options;
    this.mayMakeAt = to + Math.min(longestRestMs, REST * (to - from));
    this.makes = false;
    this.next();
  }

  private async answer(asked: readonly (readonly [string, Waiting<Q, A>])[]): Promise<void> {
    const answers = await this.make(asked.map(([, { question }]) => question));
    for (const [i, [, { resolve }]] of asked.slice(0, answers.length).entries()) resolve(answers[i]);
    const left = asked.slice(answers.length).filter(([, { isOver }]) => !isOver);
    const since = this.waiting;
    this.waiting = new Map(left);
    for (const [key, waiting] of since) {
      const before = this.waiting.get(key);
      if (before === undefined) this.waiting.set(key, waiting);
      else waiting.resolve(before.answer);
    }
  }
}
