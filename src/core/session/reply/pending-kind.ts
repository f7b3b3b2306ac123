// The kinds of replies that are due, one row each: what is to happen with such a reply when its turn comes.
// What a reply of a kind tells of the connection is in upstream-state.ts.
import { BAR, GREATER, MINUS, PLUS, STAR } from '../../resp/bytes.js';

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

/** What Redis's refusal of a stand-in is turned into, by the `detail` of Pending.REFUSAL. */
export const Refusal = { OOM: 0, IN_TRANSACTION: 1 } as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** What becomes of a reply that will not come, since the shared connection is lost. */
export const Lost = {
  /** The client gets an error in its place. */
  TOLD: 0,
  /** The client was to get nothing. */
  UNTOLD: 1,
  /** The same, and a follow-up has failed. */
  FOLLOW_UP: 2,
} as const;
export type Lost = (typeof Lost)[keyof typeof Lost];

interface PendingKind {
  /** Spillway gives the reply itself: it waits for nothing from upstream. */
  readonly local: boolean;
  /** An entry stands for one reply each, whatever its count: runs of the kind share one. */
  readonly merges: boolean;
  /** Whether an item that begins with `type` is the reply, and kept from the client. */
  readonly hides: (type: number) => boolean;
  /** By messages of their own: the first bytes of an array or a push tell whether it is one, so they are captured. */
  readonly isConfirmed: boolean;
  readonly lost: Lost;
}

const PASSED: PendingKind = {
  local: false,
  merges: false,
  hides: () => false,
  isConfirmed: false,
  lost: Lost.TOLD,
};
/** What is swallowed answers with an integer, a status or an error; an array is a message in between. */
const SWALLOWED: PendingKind = {
  local: false,
  merges: true,
  hides: (type) => type !== GREATER && type !== STAR,
  isConfirmed: false,
  lost: Lost.UNTOLD,
};
const LOCAL: PendingKind = { ...PASSED, local: true };
const CONFIRMED: PendingKind = { ...PASSED, isConfirmed: true };

const KINDS: Readonly<Record<Pending, PendingKind>> = {
  [Pending.PASS]: { ...PASSED, merges: true },
  [Pending.OPAQUE]: { ...PASSED, merges: true },
  [Pending.FOLLOW_UP]: { ...SWALLOWED, lost: Lost.FOLLOW_UP },
  [Pending.SWALLOW]: SWALLOWED,
  // Nobody subscribes without being logged in, so an array is no message.
  [Pending.AUTH_PROBE]: { ...SWALLOWED, merges: false, hides: (type) => type !== GREATER },
  [Pending.LOCAL_OOM]: { ...LOCAL, merges: true },
  [Pending.RAW]: LOCAL,
  [Pending.ANSWER]: LOCAL,
  [Pending.REFUSAL]: { ...PASSED, hides: (type) => type === MINUS || type === BAR },
  [Pending.REPLY_CHECK]: { ...PASSED, hides: (type) => type === PLUS || type === BAR },
  [Pending.CONSOLE]: { ...PASSED, hides: (type) => type !== MINUS && type !== GREATER && type !== STAR },
  [Pending.SUBSCRIPTION]: CONFIRMED,
  [Pending.UNSUBSCRIBE_ALL]: CONFIRMED,
  [Pending.MULTI]: PASSED,
  [Pending.EXEC]: PASSED,
  [Pending.HELLO]: PASSED,
  [Pending.AUTH]: PASSED,
  [Pending.RESET]: PASSED,
  [Pending.MONITOR]: PASSED,
  [Pending.STATE]: PASSED,
};

/** For what is asked with each command or reply: a bit for each kind. */
function bitsOf(holds: (row: PendingKind) => boolean): number {
  const kinds = Object.values(Pending).filter((kind) => holds(KINDS[kind]));
  return kinds.reduce<number>((bits, kind) => bits | (1 << kind), 0);
}
const LOCAL_BITS = bitsOf(({ local }) => local);
const MERGING_BITS = bitsOf(({ merges }) => merges);

export function isLocal(kind: Pending): boolean {
  return ((LOCAL_BITS >> kind) & 1) === 1;
}

export function merges(kind: number): boolean {
  return ((MERGING_BITS >> kind) & 1) === 1;
}

export function rowOf(kind: Pending): PendingKind {
  return KINDS[kind];
}
