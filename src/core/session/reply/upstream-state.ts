// What replies have shown about an upstream connection: whether it may run commands, its RESP version, its subscriptions.
// Learns from each reply according to the command that it answers, and reports to the request half of the session. Never
// changes bytes.
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
  /** EXEC of kind EXEC was answered; `executed`: by an array of replies. */
  execAnswered(executed: boolean, detail: number): void;
  /** CLIENT REPLY OFF or SKIP was checked; `silent`: it took effect. */
  replyCheckAnswered(silent: boolean): void;
  /** AUTH, HELLO, or a command of kind STATE was answered; `taken`: not with an error; `loginFailed`: with that of a failed login. */
  stateAnswered(kind: Pending, taken: boolean, detail: number, loginFailed: boolean): void;
  /** The first reply has come that shows that the connection may run commands. */
  letIn(): void;
  /** NOAUTH has come, and no earlier reply has shown that the connection may run commands. `hidden`: the client does not see it. */
  loginWanted(hidden: boolean): void;
  /** RESET was answered: the connection is like a new one. */
  connectionReset(): void;
  upstreamOom(): void;
  upstreamReadonly(): void;
  /** The server lets the client read INFO, so Spillway may answer PROXY question `number`, in this version of RESP. */
  consoleAllowed(number: number, resp: 2 | 3): void;
  /** The server has answered a protocol error, and closes the connection. */
  protocolRefused(): void;
}

/** Whether the connection may run commands, as far as replies have shown. */
export const Auth = { UNKNOWN: 0, YES: 1, NO: 2 } as const;
export type Auth = (typeof Auth)[keyof typeof Auth];

const OOM_TEXT = errorReply('OOM').toString('latin1');
const FULL_TEXT = '-ERR max number of clients';

export class UpstreamState {
  auth: Auth = Auth.UNKNOWN;
  private readonly subscriptions = new Subscriptions();
  /** RESP2: messages come as plain arrays. */
  private resp2 = true;

  constructor(private readonly listener: ReplyListener) {}

  /** Messages may come while no reply is due. */
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
   * Takes the item that has just ended if it is a message or a push, which answers no command; returns whether it is. In RESP2
   * messages look like replies; a subscriber gets no real replies that begin with such a word. A cluster also ends subscriptions
   * when it moves a slot.
   */
  takesMessage({ type, prefix, prefixLength, lastInteger }: ReplyScanner): boolean {
    const { subscriptions } = this;
    if (type !== GREATER && (type !== STAR || !this.subscribedInResp2)) return false;
    const read = subscriptions.any ? subscriptions.read(prefix, prefixLength) : Confirmation.NONE;
    if (read === Confirmation.UNSUBSCRIBED) subscriptions.confirm(lastInteger);
    return type === GREATER || read !== Confirmation.NONE;
  }

  /** The item that has just ended is the pending reply of this `kind` and `detail`. */
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
        // So no probe is needed: inside a transaction it would be queued.
        else this.letIn();
        return;
      case Pending.EXEC:
        listener.execAnswered(scanner.type === STAR && scanner.length >= 0, detail);
        return;
      case Pending.HELLO:
      case Pending.AUTH:
      case Pending.STATE:
        if (kind === Pending.HELLO && !refused) this.resp2 = scanner.type !== PERCENT;
        // The identity comes first: a client that has just logged in is let in by its login.
        listener.stateAnswered(kind, !refused, detail, refused && errorIs(scanner, '-WRONGPASS '));
        if (!refused) this.letIn();
        return;
      case Pending.RESET:
        if (!refused) this.restart();
        return;
      case Pending.AUTH_PROBE:
        if (!errorIs(scanner, '-NOAUTH')) this.letIn();
        return;
      case Pending.REPLY_CHECK:
        // Once replies are off, no probe would be answered; this reply must do.
        if (!refused) this.letIn();
        listener.replyCheckAnswered(!refused);
        return;
      default:
        return;
    }
  }

  /**
   * The head of `queue` waits for a confirmation, and the item that has just ended may be one: a reply in RESP2, a push in
   * RESP3. An error answers the whole command. Returns whether it was one.
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

  /** The error that has just ended is that of a server without room for the connection. */
  isFull(scanner: ReplyScanner): boolean {
    return errorIs(scanner, FULL_TEXT);
  }

  /** RESET: RESP2, no subscriptions, the default user. */
  private restart(): void {
    this.resp2 = true;
    this.subscriptions.clear();
    this.auth = Auth.UNKNOWN;
    this.listener.connectionReset();
  }

  private learnFromError(kind: Pending, scanner: ReplyScanner): void {
    // A script's own error shows nothing. Before the first success an error such as NOAUTH is the server's.
    if (kind === Pending.OPAQUE && this.auth === Auth.YES) return;
    // Exactly the text with which servers of all versions refuse a command (server.c, shared.oomerr).
    if (kind === Pending.PASS && errorIs(scanner, OOM_TEXT)) this.listener.upstreamOom();
    else if (kind === Pending.PASS && errorIs(scanner, '-READONLY ')) this.listener.upstreamReadonly();
    else if (errorIs(scanner, '-NOAUTH ')) {
      const never = this.auth !== Auth.YES;
      this.auth = Auth.NO;
      if (never) this.listener.loginWanted(kind === Pending.AUTH_PROBE);
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
