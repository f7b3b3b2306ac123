// The books of one connection: every request with its one right reply, in order, and what it leaves on the server.
// Counts what came wrong, not at all, twice or out of turn, and knows which states of the server a cut connection
// may leave behind. No I/O. That something went wrong is certain; which of the four it was is the likeliest guess.
// Where clients share connections, one that is lost answers with FATE_UNKNOWN: then nobody knows what was executed,
// so from there on replies need only be ones that the request may have, and the keys it was about may hold anything.

/** The answer to a command whose shared connection was lost. */
export const FATE_UNKNOWN = Buffer.from(
  '-ERR spillway lost its connection to the server before the reply: the command may or may not have been executed\r\n',
);

/** The answer of a server that has come back and still reads its files. To clients of a shared connection nothing tells of it. */
export const LOADING = Buffer.from('-LOADING Redis is loading the dataset in memory\r\n');

export interface Request {
  readonly bytes: Buffer;
  /** The right reply, to the byte. */
  readonly reply: Buffer;
  /** Every reply that it may have when it is not known what was executed before; undefined: always the same. */
  readonly mayBe?: RegExp;
  /** The strings it leaves, once executed; undefined: no such key any more. */
  readonly writes?: readonly Write[];
}

export type Write = readonly [key: string, value: string | undefined];

/** Keys with their values. */
export type State = ReadonlyMap<string, string>;

export class Tally {
  answered = 0;
  wrong = 0;
  lost = 0;
  duplicated = 0;
  reordered = 0;
  /** A state of the server that nothing explains. */
  inconsistent = 0;
  /** The first few faults in words. */
  readonly samples: string[] = [];

  get faults(): number {
    return this.wrong + this.lost + this.duplicated + this.reordered + this.inconsistent;
  }

  note(what: string): void {
    if (this.samples.length < 5) this.samples.push(what.slice(0, 4000));
  }
}

const RECENT = 32;
const LOST = [FATE_UNKNOWN, LOADING, Buffer.from(LOADING.toString().replace('Redis', 'Valkey'))];

export class Ledger {
  /** What the answered requests have left. */
  readonly confirmed = new Map<string, string>();
  /** Requests that were answered with FATE_UNKNOWN or LOADING. */
  unknown = 0;
  readonly #tally: Tally;
  readonly #mayLose: boolean;
  /** Keys that may hold anything, since a request of unknown fate, or one behind it, writes them. */
  readonly #open = new Set<string>();
  #owed: Request[] = [];
  /** Owed requests before this one are answered. */
  #next = 0;
  /** Requests that were passed over: lost, unless their replies still come. */
  #passedOver: Request[] = [];
  #recent: Buffer[] = [];

  /** `mayLose`: FATE_UNKNOWN and LOADING are answers, and no fault. */
  constructor(tally: Tally, mayLose = false) {
    this.#tally = tally;
    this.#mayLose = mayLose;
  }

  get owed(): number {
    return this.#owed.length - this.#next;
  }

  /** Of all the replies that are owed. */
  get owedBytes(): number {
    return this.#owed.slice(this.#next).reduce((sum, { reply }) => sum + reply.length, 0);
  }

  sent(request: Request): void {
    this.#owed.push(request);
    if (this.unknown > 0) this.#leaveOpen(request);
  }

  answered(reply: Buffer): void {
    const due = this.owed > 0 ? this.#owed[this.#next] : undefined;
    if (due?.reply.equals(reply)) this.#advance(reply);
    else if (due !== undefined && this.#mayLose && LOST.some((lost) => reply.equals(lost))) this.#lose();
    else if (due !== undefined && this.unknown > 0 && due.mayBe?.test(reply.toString('latin1'))) {
      this.#advance(reply);
    } else this.#misplaced(reply);
  }

  /** The connection came to its end in order: nothing may be owed any more, and nothing more have come. */
  settle(rest: Buffer): void {
    const missing = this.owed + this.#passedOver.length;
    if (missing > 0) {
      this.#tally.lost += missing;
      this.#tally.note(
        `${missing} not answered, first ${text((this.#passedOver[0] ?? this.#owed[this.#next]).bytes)}`,
      );
    }
    if (rest.length > 0) {
      this.#tally.duplicated++;
      this.#tally.note(`behind the last reply: ${text(rest)}`);
    }
  }

  /** The connection was cut: what is left unread must be the beginning of what is owed. */
  cut(rest: Buffer): void {
    if (this.#passedOver.length > 0) this.settle(Buffer.alloc(0));
    if (rest.length === 0) return;
    const begins = (reply: Buffer): boolean => reply.subarray(0, rest.length).equals(rest);
    const due = this.owed > 0 ? this.#owed[this.#next] : undefined;
    if (due !== undefined && begins(due.reply)) return;
    if (due !== undefined && this.#mayLose && LOST.some(begins)) return;
    // What is not known whole cannot be known by its beginning.
    if (this.unknown > 0 && due?.mayBe !== undefined) return;
    this.#tally.wrong++;
    this.#tally.note(`before the cut: ${text(rest)}`);
  }

  /**
   * Holds a state of the server to account: some of the owed requests, the first ones, have been executed as well. With shared
   * connections the very first may be missing.
   */
  check(state: State): void {
    const expected = new Map(this.confirmed);
    const known = new Map([...state].filter(([key]) => !this.#open.has(key)));
    const same = (): boolean => {
      const closed = [...expected].filter(([key]) => !this.#open.has(key));
      return closed.length === known.size && closed.every(([k, v]) => known.get(k) === v);
    };
    // The errors of requests that were lost with a shared connection may have been lost with the client's: then the server has
    // executed those behind them alone.
    const lastSkipped = this.#mayLose ? this.#owed.length : this.#next;
    for (let skipped = this.#next; skipped <= lastSkipped; skipped++) {
      if (same()) return;
      for (let i = skipped; i < this.#owed.length; i++) {
        const { writes } = this.#owed[i];
        if (writes === undefined) continue;
        apply(expected, writes);
        if (same()) return;
      }
      expected.clear();
      apply(expected, [...this.confirmed]);
    }
    this.#tally.inconsistent++;
    const owed = this.#owed.slice(this.#next).flatMap(({ writes }) => writes ?? []);
    const left = owed.map(([key, value]) => `${key}=${value?.slice(0, 30)}`);
    this.#tally.note(
      `state: ${describe(state)}; answered: ${describe(this.confirmed)}; owed: ${this.owed}, ${JSON.stringify(left)}`,
    );
  }

  /** The first of the owed requests, and who knows which of those behind it, may not have been executed. */
  #lose(): void {
    this.unknown++;
    if (this.unknown === 1) for (const request of this.#owed.slice(this.#next)) this.#leaveOpen(request);
    this.#next++;
  }

  #leaveOpen({ writes }: Request): void {
    for (const [key] of writes ?? []) this.#open.add(key);
  }

  #advance(reply: Buffer): void {
    const { writes } = this.#owed[this.#next++];
    if (writes !== undefined) apply(this.confirmed, writes);
    this.#tally.answered++;
    this.#recent[this.#tally.answered % RECENT] = reply;
    if (this.#next > 1024) {
      this.#owed = this.#owed.slice(this.#next);
      this.#next = 0;
    }
  }

  #misplaced(reply: Buffer): void {
    const tally = this.#tally;
    const expected = this.owed > 0 ? text(this.#owed[this.#next].reply) : 'nothing';
    const matches = (request: Request): boolean => request.reply.equals(reply);
    const late = this.#passedOver.findIndex(matches);
    const early = this.#owed.slice(this.#next).findIndex(matches);
    if (late >= 0) {
      tally.reordered++;
      this.#passedOver.splice(late, 1);
    } else if (this.#recent.some((recent) => recent?.equals(reply))) {
      tally.duplicated++;
    } else if (early >= 0) {
      this.#passedOver.push(...this.#owed.slice(this.#next, this.#next + early));
      this.#next += early;
      this.#advance(reply);
    } else {
      tally.wrong++;
      if (this.owed > 0) this.#next++;
    }
    tally.note(`expected ${expected}, got ${text(reply)}`);
  }
}

function apply(state: Map<string, string>, writes: readonly Write[]): void {
  for (const [key, value] of writes) {
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
}

function describe(state: State): string {
  return JSON.stringify([...state].map(([key, value]) => `${key}=${value.slice(0, 30)}`));
}

function text(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 80));
}
