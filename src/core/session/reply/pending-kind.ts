// The kinds of pending replies, one row each: what happens with such a reply when it comes.
// What a reply of each kind tells about the connection is in upstream-state.ts.
import { BAR, GREATER, MINUS, PLUS, STAR } from '../../resp/bytes.js';

export const Pending = {
  /** Forward it. */
  PASS: 0,
  /** Hide it and report it: the answer to a follow-up for rule slot `detail`. */
  FOLLOW_UP: 1,
  /** Hide it. */
  SWALLOW: 2,
  /** Local: the error of refusal `detail`, by default OOM, once all earlier replies have been sent. */
  LOCAL_OOM: 3,
  /** Redis's refusal of a stand-in: its text becomes REFUSALS[detail]. */
  REFUSAL: 4,
  /** The answer to MULTI of transaction number `detail`. */
  MULTI: 5,
  /** The answer to EXEC of a transaction with waiting follow-ups. */
  EXEC: 6,
  HELLO: 7,
  AUTH: 8,
  RESET: 9,
  /** (P|S)(UN)SUBSCRIBE, `detail` says which: `count` confirmations, each a reply or a push. */
  SUBSCRIPTION: 10,
  /** (P|S)UNSUBSCRIBE without channels: as many confirmations as there are subscriptions, at least one. */
  UNSUBSCRIBE_ALL: 11,
  /** An injected HELLO that shows whether the connection is authenticated. */
  AUTH_PROBE: 12,
  /** The answer to the injected CLIENT REPLY ON, which shows whether CLIENT REPLY OFF or SKIP took effect: with `+` it did. */
  REPLY_CHECK: 13,
  MONITOR: 14,
  /** Local: from here on bytes pass unread, since replies can no longer be counted. */
  RAW: 15,
  /** A command that changes the client's identity, if it is not refused. */
  STATE: 16,
  /** The answer to the injected INFO, which shows whether the client may ask PROXY question number `detail`. */
  CONSOLE: 17,
  /** Local: Spillway's answer to PROXY question number `detail`. */
  ANSWER: 18,
  /** Forward it, and learn nothing from an error: scripts and modules may use any text. */
  OPAQUE: 19,
} as const;
export type Pending = (typeof Pending)[keyof typeof Pending];

/** The `detail` of Pending.REFUSAL and LOCAL_OOM: which text replaces Redis's refusal of a stand-in. Higher ones: resp/refusal-replies. */
export const Refusal = { OOM: 0, IN_TRANSACTION: 1 } as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** What happens with a pending reply when its shared connection is lost. */
export const Lost = {
  /** The client gets an error. */
  TOLD: 0,
  /** The client gets nothing, since the reply was hidden. */
  UNTOLD: 1,
  /** The same, and a follow-up counts as failed. */
  FOLLOW_UP: 2,
} as const;
export type Lost = (typeof Lost)[keyof typeof Lost];

interface PendingKind {
  /** A local reply: nothing comes from upstream for it. */
  readonly local: boolean;
  /** Runs of this kind share an entry in the queue. */
  readonly merges: boolean;
  /** Whether an item that begins with `type` is this reply, which is hidden. */
  readonly hides: (type: number) => boolean;
  /** Its answer is confirmations. The first bytes of an array or push show whether it is one, so they are captured. */
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
/** Hidden replies are an integer, a status or an error; an array is a message in between. */
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
  // A client that is not authenticated cannot subscribe, so an array is not a message.
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

/** One bit for each kind, for questions on the hot path. */
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
