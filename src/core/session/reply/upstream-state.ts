// What an upstream connection is to its client, as far as its replies have told: whether it may run commands, which
// version of RESP it speaks, what it is subscribed to. Learns from each reply by what it answers, and tells the request
// half of the session. Never touches the bytes.
import { FollowUpReply } from '../../policy/observer.js';
import { GREATER, MINUS, PERCENT, STAR, startsWith } from '../../resp/bytes.js';
import { errorReply } from '../../resp/client-errors.js';
import type { ReplyScanner } from '../../resp/reply-scanner.js';
import { Pending } from './pending-kind.js';
import type { PendingQueue } from './pending-queue.js';
import { Confirmation, type Kind, Subscriptions } from './subscriptions.js';

/** What the request half of the session needs to learn from replies. */
export interface ReplyListener {
  /** The answer to a follow-up for `slot`. */
  followUpAnswered(slot: number, reply: FollowUpReply): void;
  multiRefused(transaction: number): void;
  /** EXEC with follow-ups waiting was answered; `executed` when by an array of replies. */
  execAnswered(executed: boolean): void;
  /** CLIENT REPLY OFF or SKIP was tried; `silent` when it took. */
  replyCheckAnswered(silent: boolean): void;
  /** AUTH, HELLO, or a command owed as STATE was answered; `taken` when not with an error. */
  stateAnswered(kind: Pending, taken: boolean): void;
  /** The first answer has come that tells that the connection may run commands. */
  letIn(): void;
  /** NOAUTH has been answered, and nothing before that told that the connection may run commands. */
  loginWanted(): void;
  /** RESET was answered: the connection is as new. */
  connectionReset(): void;
  upstreamOom(): void;
  /** The server would tell the client of itself: so may Spillway answer question `number`, by that version of RESP. */
  consoleAllowed(number: number, resp: 2 | 3): void;
  /** The server did not understand the bytes: it ends the connection. */
  protocolRefused(): void;
}

/** Whether the connection may run commands, as far as replies have told. */
export const Auth = { UNKNOWN: 0, YES: 1, NO: 2 } as const;
export type Auth = (typeof Auth)[keyof typeof Auth];

const OOM_TEXT = errorReply('OOM').toString('latin1');

export class UpstreamState {
  auth: Auth = Auth.UNKNOWN;
  private readonly subscriptions = new Subscriptions();
  /** It speaks RESP2: messages come as plain arrays. */
  private resp2 = true;

  constructor(private readonly listener: ReplyListener) {}

  /** Messages may come though nothing is owed. */
  get subscribed(): boolean {
    return this.subscriptions.any;
  }

  /** And look like replies. */
  get subscribedInResp2(): boolean {
    return this.resp2 && this.subscriptions.any;
  }

  letIn(): void {
    if (this.auth === Auth.YES) return;
    this.auth = Auth.YES;
    this.listener.letIn();
  }

  /**
   * The item that has just ended tells of itself, and answers nothing. In RESP2 messages look like replies, of which a
   * subscriber gets no others that begin with such a word. A cluster also ends subscriptions unasked, when it moves a slot.
   */
  isTold({ type, prefix, prefixLength, lastInteger }: ReplyScanner): boolean {
    const { subscriptions } = this;
    if (type !== GREATER && (type !== STAR || !this.subscribedInResp2)) return false;
    const read = subscriptions.any ? subscriptions.read(prefix, prefixLength) : Confirmation.NONE;
    if (read === Confirmation.UNSUBSCRIBED) subscriptions.confirm(lastInteger);
    return type === GREATER || read !== Confirmation.NONE;
  }

  /** What was owed as `kind` with `detail` is answered by the item that has just ended. */
  learn(kind: Pending, detail: number, scanner: ReplyScanner): void {
    const { listener } = this;
    const refused = scanner.type === MINUS;
    if (refused) this.learnFromError(kind, scanner);
    switch (kind) {
      case Pending.PASS:
      case Pending.OPAQUE:
        if (!refused) this.letIn();
        return;
      case Pending.FOLLOW_UP:
        listener.followUpAnswered(detail, followUpReply(scanner));
        return;
      case Pending.MULTI:
        if (refused) listener.multiRefused(detail);
        // Inside a transaction a probe would be queued.
        else this.letIn();
        return;
      case Pending.EXEC:
        listener.execAnswered(scanner.type === STAR && scanner.length >= 0);
        return;
      case Pending.HELLO:
      case Pending.AUTH:
      case Pending.STATE:
        if (kind === Pending.HELLO && !refused) this.resp2 = scanner.type !== PERCENT;
        // Who it is comes first: one that has logged in is let in as that.
        listener.stateAnswered(kind, !refused);
        if (!refused) this.letIn();
        return;
      case Pending.RESET:
        if (!refused) this.restart();
        return;
      case Pending.AUTH_PROBE:
        if (!errorIs(scanner, '-NOAUTH')) this.letIn();
        return;
      case Pending.REPLY_CHECK:
        // Once replies are off no probe would be answered: what was learnt here must do.
        if (!refused) this.letIn();
        listener.replyCheckAnswered(!refused);
        return;
      default:
        return;
    }
  }

  /**
   * A subscription or its end is owed at the head of `queue`, and the item that has just ended may confirm it: as a reply in
   * RESP2, as a push in RESP3; an error answers the command whole. Returns whether it did.
   */
  confirm(queue: PendingQueue, scanner: ReplyScanner): boolean {
    const { subscriptions } = this;
    const { kind } = queue;
    const { type } = scanner;
    if (type === MINUS) {
      this.learnFromError(kind, scanner);
      queue.popRun();
      return true;
    }
    this.letIn();
    const read = subscriptions.read(scanner.prefix, scanner.prefixLength);
    if (read === Confirmation.MESSAGE || (type === GREATER && read === Confirmation.NONE)) return false;
    if (kind === Pending.UNSUBSCRIBE_ALL) {
      queue.replaceHead(Pending.SUBSCRIPTION, Math.max(1, subscriptions.count(queue.detail as Kind)));
    }
    // A HELLO whose reply was silenced shows here at the latest.
    this.resp2 = type !== GREATER;
    subscriptions.confirm(scanner.lastInteger);
    queue.pop();
    return true;
  }

  /** RESET: RESP2, no subscriptions, the default user. */
  private restart(): void {
    this.resp2 = true;
    this.subscriptions.clear();
    this.auth = Auth.UNKNOWN;
    this.listener.connectionReset();
  }

  private learnFromError(kind: Pending, scanner: ReplyScanner): void {
    // A script's own error tells nothing, but what comes before anything told is the server's, as far as it counts.
    if (kind === Pending.OPAQUE && this.auth === Auth.YES) return;
    // The text that servers of all versions refuse a command with (server.c, shared.oomerr), to the letter.
    if (kind === Pending.PASS && errorIs(scanner, OOM_TEXT)) this.listener.upstreamOom();
    else if (errorIs(scanner, '-NOAUTH ')) {
      const never = this.auth !== Auth.YES;
      this.auth = Auth.NO;
      if (never) this.listener.loginWanted();
    } else if (errorIs(scanner, '-ERR Protocol error')) this.listener.protocolRefused();
  }
}

function followUpReply(scanner: ReplyScanner): FollowUpReply {
  if (scanner.type !== MINUS) return scanner.lastInteger === 1 ? FollowUpReply.SET : FollowUpReply.UNCHANGED;
  return errorIs(scanner, '-NOPERM') ? FollowUpReply.DENIED : FollowUpReply.FAILED;
}

function errorIs({ prefix, prefixLength }: ReplyScanner, code: string): boolean {
  return startsWith(prefix, 0, prefixLength, code);
}
