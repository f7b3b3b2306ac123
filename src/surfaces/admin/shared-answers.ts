// Shares answers that take a while to make. One answer serves all equal questions that came before it was begun, and
// different questions are answered together in a round. Rounds take a small share of the time, so that requests in a loop do
// not slow down the proxy's clients.
// Owns the waiting questions, and the time of the next round.
// Invariants: no question gets an answer that was begun before it came, or waits longer than the limit; there is one round
// at a time, with at most MOST_AT_ONCE questions; a single question does not wait.

/** The pause after a round is this many times as long as the round, and LONGEST_REST_MS at most. */
const REST = 9;
const LONGEST_REST_MS = 250;
const MOST_AT_ONCE = 64;

interface Waiting<Q, A> {
  readonly question: Q;
  readonly answer: Promise<A>;
  readonly resolve: (answer: A | Promise<A>) => void;
  readonly reject: (error: unknown) => void;
  /** The question has waited too long and has got the late answer. */
  isOver: boolean;
}

export interface SharedAnswersOptions<A> {
  /** 0: no pause, because the maker of the answers pauses itself. */
  readonly longestRestMs?: number;
  /** The answer to a question that has waited for `afterMs`. */
  readonly late?: { readonly afterMs: number; readonly answer: A };
  /** Default: the real ones. */
  readonly time?: Time;
}

interface Time {
  /** Monotonic milliseconds. */
  now(): number;
  after(ms: number, run: () => void): void;
}

const REAL_TIME: Time = { now: () => performance.now(), after: (ms, run) => void setTimeout(run, ms) };

export class SharedAnswers<Q, A> {
  /** By key, in the order in which they were first asked. */
  private waiting = new Map<string, Waiting<Q, A>>();
  private makes = false;
  private mayMakeAt = 0;
  private readonly time: Time;

  /** @param make answers the first questions in order, at least one; the others wait for the next round */
  constructor(
    private readonly make: (questions: readonly Q[]) => Promise<readonly A[]>,
    private readonly options: SharedAnswersOptions<A> = {},
  ) {
    this.time = options.time ?? REAL_TIME;
  }

  /** Resolves or rejects as `make` does. Questions with the same `key` are equal. */
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
    const rest = this.mayMakeAt - this.time.now();
    if (rest > 0) this.time.after(rest, () => void this.round());
    else void this.round();
  }

  private async round(): Promise<void> {
    const asked = [...this.waiting].slice(0, MOST_AT_ONCE);
    for (const [key] of asked) this.waiting.delete(key);
    const from = this.time.now();
    try {
      if (asked.length > 0) await this.answer(asked);
    } catch (error) {
      for (const [, { reject }] of asked) reject(error);
    }
    const to = this.time.now();
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
