// The replies a connection still owes, in order: one ring of numbers, two indices.
//
//      head ▼                          ▼ tail (a run that may still grow)
//   … │ PASS×3 │ SWALLOW slot 2 ×1 │ LOCAL_OOM×1 │ PASS×40 │ …
//
// Runs of the same kind share an entry, so a pipeline of any length that nothing was done to takes one.
// Invariants: every entry's count is at least 1; `pushed - popped` is the sum of all counts; only what is there is popped;
// `growing` is the last entry's word if a run of it merges, else NOTHING.
import { broken, checks, invariant } from '../../resp/invariant.js';

/** What is to happen with a reply when its turn comes. */
export const Pending = {
  /** Hand it to the client. */
  PASS: 0,
  /** Keep it from the client and report it: the answer to a follow-up of slot `detail`. */
  FOLLOW_UP: 1,
  /** Keep it from the client. */
  SWALLOW: 2,
  /** No reply is owed: give the client an OOM error when all before it has been given. */
  LOCAL_OOM: 3,
  /** A refusal that Redis was made to give in place of a command: its text becomes that of REFUSALS[detail]. */
  REFUSAL: 4,
  /** MULTI of transaction number `detail`. */
  MULTI: 5,
  /** EXEC of a transaction that has follow-ups waiting. */
  EXEC: 6,
  HELLO: 7,
  AUTH: 8,
  RESET: 9,
  /** (P|S)(UN)SUBSCRIBE, `detail` says which: `count` confirmations, each a reply or a push. */
  SUBSCRIPTION: 10,
  /** (P|S)UNSUBSCRIBE without channels: as many confirmations as there are subscriptions, at least one. */
  UNSUBSCRIBE_ALL: 11,
  /** An injected HELLO that tells whether the connection is authenticated. */
  AUTH_PROBE: 12,
  /** Did CLIENT REPLY OFF or SKIP take? `+` is the injected CLIENT REPLY ON's answer: yes. */
  REPLY_CHECK: 13,
  MONITOR: 14,
  /** From here on bytes are no replies, or none that can be counted: pass them as they come. */
  RAW: 15,
  /** A command that changes what its client takes along to another upstream connection, if it is not refused. */
  STATE: 16,
  /** The injected INFO that tells whether the client may put question number `detail` to Spillway. */
  CONSOLE: 17,
  /** It may: no reply is owed but Spillway's own answer to question number `detail`. */
  ANSWER: 18,
  /** Hand it to the client, and believe nothing that an error says: scripts and modules say what they like. */
  OPAQUE: 19,
} as const;
export type Pending = (typeof Pending)[keyof typeof Pending];

const KIND_BITS = 5;
const KIND_MASK = (1 << KIND_BITS) - 1;
/** `detail` wraps at this many values. */
export const DETAIL_LIMIT = 2 ** 26;
/** Two numbers an entry: kind with detail, and count. */
const WIDTH = 2;
/** No entry's word: there is no kind of that number. */
const NOTHING = -1;
/** Entries of these kinds stand for one reply each, whatever their count: runs of them merge. */
const MERGING =
  (1 << Pending.PASS) |
  (1 << Pending.OPAQUE) |
  (1 << Pending.FOLLOW_UP) |
  (1 << Pending.SWALLOW) |
  (1 << Pending.LOCAL_OOM);
/** They wait for nothing from upstream. */
const LOCAL = (1 << Pending.LOCAL_OOM) | (1 << Pending.RAW) | (1 << Pending.ANSWER);

export function isLocal(kind: Pending): boolean {
  return ((LOCAL >> kind) & 1) === 1;
}

export class PendingQueue {
  /** Replies ever owed and ever settled: a reply's number tells when its turn has come. */
  pushed = 0;
  popped = 0;
  private ring = new Int32Array(16);
  /** Entries, not offsets; both only grow, modulo the ring's size. */
  private first = 0;
  private size = 0;
  /** Offset of the last entry, and the word of what it can still take up. */
  private last = 0;
  private growing = NOTHING;

  /** Entries in the ring: what its memory depends on. */
  get runs(): number {
    return this.size;
  }

  get empty(): boolean {
    return this.size === 0;
  }

  /** Kind of the reply that is next; the queue must not be empty. */
  get kind(): Pending {
    return (this.ring[this.first * WIDTH] & KIND_MASK) as Pending;
  }

  /** The next reply is owed by Spillway itself. */
  get headIsLocal(): boolean {
    return this.size > 0 && isLocal(this.kind);
  }

  /** The `detail` pushed with the reply that is next. */
  get detail(): number {
    return this.ring[this.first * WIDTH] >>> KIND_BITS;
  }

  /** How many replies the first entry stands for; the queue must not be empty. */
  get count(): number {
    return this.ring[this.first * WIDTH + 1];
  }

  push(kind: Pending, detail = 0, count = 1): void {
    if (count <= 0) broken('what is owed is at least one reply');
    this.pushed += count;
    const word = kind | (detail << KIND_BITS);
    if (word === this.growing) this.ring[this.last + 1] += count;
    else this.append(word, count);
  }

  private append(word: number, count: number): void {
    if (this.size === this.ring.length / WIDTH) this.grow();
    this.last = ((this.first + this.size) & (this.ring.length / WIDTH - 1)) * WIDTH;
    this.ring[this.last] = word;
    this.ring[this.last + 1] = count;
    this.size++;
    this.growing = (MERGING >> (word & KIND_MASK)) & 1 ? word : NOTHING;
  }

  /** So many replies of the first entry are settled. */
  pop(count = 1): void {
    if (checks.thorough) this.check();
    const at = this.first * WIDTH + 1;
    const left = this.ring[at] - count;
    if (this.size === 0 || left < 0) broken('only a reply that is owed is settled');
    this.popped += count;
    if (left > 0) this.ring[at] = left;
    else this.shift();
  }

  /** The first entry is settled whole: an error answers all of it. */
  popRun(): void {
    this.pop(this.count);
  }

  private shift(): void {
    this.first = (this.first + 1) & (this.ring.length / WIDTH - 1);
    if (--this.size === 0) this.growing = NOTHING;
  }

  /** The first entry turns out to stand for `count` replies of another kind. */
  replaceHead(kind: Pending, count: number): void {
    invariant(this.size > 0 && count > 0, 'only a reply that is owed stands for others');
    const at = this.first * WIDTH;
    this.ring[at] = kind | (this.detail << KIND_BITS);
    this.pushed += count - this.ring[at + 1];
    this.ring[at + 1] = count;
    if (this.size === 1) this.growing = NOTHING;
  }

  private check(): void {
    let sum = 0;
    for (let i = 0; i < this.size; i++) {
      const count = this.ring[((this.first + i) & (this.ring.length / WIDTH - 1)) * WIDTH + 1];
      invariant(count > 0, 'each entry stands for at least one reply');
      sum += count;
    }
    invariant(sum === this.pushed - this.popped, 'the entries stand for what is owed');
    if (this.size === 0) return;
    const last = ((this.first + this.size - 1) & (this.ring.length / WIDTH - 1)) * WIDTH;
    const merges = (MERGING >> (this.ring[last] & KIND_MASK)) & 1;
    invariant(this.last === last, 'what is owed next is put behind the last entry');
    invariant(this.growing === (merges ? this.ring[last] : NOTHING), 'only the last entry grows');
  }

  private grow(): void {
    const old = this.ring;
    const capacity = old.length / WIDTH;
    const ring = new Int32Array(old.length * 2);
    for (let i = 0; i < this.size; i++) {
      const from = ((this.first + i) & (capacity - 1)) * WIDTH;
      ring[i * WIDTH] = old[from];
      ring[i * WIDTH + 1] = old[from + 1];
    }
    this.ring = ring;
    this.first = 0;
  }
}
