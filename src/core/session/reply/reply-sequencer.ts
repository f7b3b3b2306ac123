// The downstream half of a session: a server's bytes in, the client's replies out, in the order of its commands.
// Owns the queue of pending replies, the reply scanner, and what only replies tell: RESP version, subscriptions.
// Never reorders and never holds back bytes of a reply that passes; what is swallowed is what Spillway asked for.
//
//   upstream bytes ─▶ item ─┬─ push (`>`, or a message in RESP2) ──────────▶ client
//                           ├─ reply, head is PASS ────────────────────────▶ client
//                           ├─ reply, head is FOLLOW_UP/SWALLOW/AUTH_PROBE ▶ nowhere
//                           ├─ error, head is REFUSAL ─────────────────────▶ another text in its place
//                           ├─ reply, head is CONSOLE ─────────────────────▶ nowhere: the head becomes ANSWER
//                           └─ error, head is CONSOLE ─────────────────────▶ client
//   … and whenever the head is LOCAL_OOM between two items: the OOM text; when it is ANSWER: the answer, once it is there.
//
// What an item is stays what it was when its first byte came: if nothing was owed then, it answers nothing that is
// asked while the rest of it comes.
import { FollowUpReply } from '../../policy/observer.js';
import { BAR, EQUALS, GREATER, MINUS, PERCENT, PLUS, STAR, startsWith } from '../../resp/bytes.js';
import { errorReply } from '../../resp/client-errors.js';
import { invariant } from '../../resp/invariant.js';
import { ReplyScanner } from '../../resp/reply-scanner.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';
import { isLocal, Pending, PendingQueue } from './pending-queue.js';
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

/** An upstream connection on which the replies of several sessions come, in the order in which they were asked for. */
export interface SharedReplies {
  readonly scanner: ReplyScanner;
  /** `count` more replies will come for `owner`. */
  owe(owner: ReplyOwner, count: number): void;
}

/** A session that has replies to come on a shared connection. */
export interface ReplyOwner {
  /** How many replies the last takeShared() took. */
  readonly taken: number;
  /** As ReplySequencer.receive(). */
  takeShared(buf: Uint8Array, at: number, end: number, most: number): number;
  /** The connection is lost, and part of its reply is delivered: nothing right can be said to its client any more. */
  cutShared(): void;
  /** The connection is lost: the next `count` replies will not come. */
  failShared(count: number, error: Uint8Array): void;
}

/** Whether the connection may run commands, as far as replies have told. */
export const Auth = { UNKNOWN: 0, YES: 1, NO: 2 } as const;
export type Auth = (typeof Auth)[keyof typeof Auth];

/** What Redis's refusal of a stand-in is turned into, by the `detail` of Pending.REFUSAL. */
export const Refusal = { OOM: 0, IN_TRANSACTION: 1 } as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];
const OOM_ERROR = errorReply('OOM');
const REFUSALS: Readonly<Record<Refusal, Buffer>> = {
  [Refusal.OOM]: OOM_ERROR,
  [Refusal.IN_TRANSACTION]: errorReply('IN_TRANSACTION'),
};
const OOM_TEXT = OOM_ERROR.toString('latin1');
/** In place of an answer before which the server's next bytes have come. */
const UNANSWERED = errorReply('PROXY_OVERTAKEN');

export class ReplySequencer {
  readonly queue = new PendingQueue();
  /** Everything passes unread, for good. */
  raw = false;
  /** A fault of Spillway's own: what came of the replies since is not known, and the client gets none of them. */
  broken: unknown;
  auth: Auth = Auth.UNKNOWN;
  private readonly ownScanner = new ReplyScanner();
  /** Of the connection on which the replies come. */
  private scanner = this.ownScanner;
  private shared: SharedReplies | undefined;
  private owner: ReplyOwner | undefined;
  /** How many replies the last receive() took. */
  taken = 0;
  private readonly subscriptions = new Subscriptions();
  /** The connection speaks RESP2: messages come as plain arrays. */
  private resp2 = true;
  /** The item under scan is kept from the client. */
  private suppressed = false;
  /** The item under scan may be the reply to the head of the queue: that was owed before its first byte came. */
  private asked = false;
  /** Spillway's answer to the question at the head, waiting for a place between two items. */
  private answer: Uint8Array | undefined;

  constructor(
    private client: ByteSink,
    private readonly listener: ReplyListener,
  ) {}

  /** Nothing is owed: all that was asked has been answered. */
  get idle(): boolean {
    return this.queue.empty;
  }

  /** The client has got the whole of whatever came for it, unasked too. */
  get between(): boolean {
    // Where others' replies come in between nothing comes unasked.
    return this.shared !== undefined || this.scanner.atBoundary || this.raw;
  }

  /** Messages may come though nothing is owed. */
  get subscribed(): boolean {
    return this.subscriptions.any;
  }

  /** From now on replies come on a connection that others share, where they are `owner`'s, or on one of its own. */
  attach(shared?: SharedReplies, owner?: ReplyOwner): void {
    invariant(this.between, 'a client leaves no connection in the middle of a reply');
    this.shared = shared;
    this.owner = owner;
    this.scanner = shared?.scanner ?? this.ownScanner;
  }

  /** The client is gone: what comes for it goes nowhere. */
  abandon(): void {
    this.client = NOWHERE;
  }

  /**
   * The server's next bytes, up to the end of the `most`th reply that is owed (pushes don't count). They are lent until
   * this returns: the offset behind what it took.
   */
  receive(buf: Uint8Array, at = 0, end = buf.length, most = Number.POSITIVE_INFINITY): number {
    let passFrom = at;
    let ended = false;
    this.taken = 0;
    if (this.broken !== undefined) return this.skim(buf, at, end, most);
    try {
      while (at < end && !this.raw) {
        if (this.awaitsPlain) {
          at = this.takePlain(buf, at, end, most);
          if (this.taken === most || this.queue.headIsLocal) {
            this.pass(buf, passFrom, at);
            passFrom = at;
            this.giveLocalReplies();
            if (this.taken === most) return at;
          }
          if (at === end) break;
        }
        if (this.scanner.atValue) {
          const kept = this.suppressed && !this.scanner.atBoundary;
          this.begin(buf[at]);
          if (kept) passFrom = at;
          else if (this.suppressed) this.pass(buf, passFrom, at);
        }
        at = this.scanner.scan(buf, at, end);
        if (this.scanner.malformed) {
          // Not RESP: nothing can be matched any more, so nothing may be withheld.
          if (this.suppressed) passFrom = at;
          this.raw = true;
          break;
        }
        if (!this.scanner.atBoundary) {
          if (this.scanner.atValue) continue;
          break;
        }
        ended = true;
        if (!this.suppressed) this.pass(buf, passFrom, at);
        passFrom = at;
        if (this.settle()) this.taken++;
        ended = false;
        this.giveLocalReplies();
        if (this.taken === most) return at;
      }
      if (!this.suppressed || this.scanner.atBoundary || this.raw) this.pass(buf, passFrom, end);
      return end;
    } catch (error) {
      this.broken = error;
      this.abandon();
      if (ended && this.scanner.type !== GREATER) this.taken++;
      return this.skim(buf, at, end, most);
    }
  }

  /** What is next answers a command that nothing was done to, and tells nothing new unless it is an error or a push. */
  private get awaitsPlain(): boolean {
    const { queue } = this;
    return (
      this.scanner.atBoundary &&
      !queue.empty &&
      queue.kind === Pending.PASS &&
      this.auth === Auth.YES &&
      !this.subscribedInResp2
    );
  }

  /** Takes such replies, up to the first item that may tell something. */
  private takePlain(buf: Uint8Array, at: number, end: number, most: number): number {
    const { scanner, queue } = this;
    const available = Math.min(queue.count, most - this.taken);
    let plain = 0;
    this.asked = true;
    this.suppressed = false;
    while (plain < available && at < end) {
      const type = buf[at];
      if (type === MINUS || type === GREATER || type === BAR) break;
      at = scanner.scan(buf, at, end);
      if (!scanner.atBoundary) break;
      plain++;
    }
    this.taken += plain;
    if (plain > 0) queue.pop(plain);
    return at;
  }

  /** Those who share the connection still need to know where the replies of this client end. */
  private skim(buf: Uint8Array, at: number, end: number, most: number): number {
    while (at < end && this.taken < most && !this.scanner.malformed) {
      at = this.scanner.scan(buf, at, end);
      if (this.scanner.atBoundary && this.scanner.type !== GREATER) this.taken++;
    }
    return at;
  }

  /** A reply is owed that Spillway gives itself: now, if nothing stands before it. */
  owe(kind: Pending, detail = 0, count = 1): void {
    this.queue.push(kind, detail, count);
    if (isLocal(kind)) this.giveLocalReplies();
    else if (this.owner !== undefined) this.shared?.owe(this.owner, count);
  }

  /** Answers question `number`, whatever it is answered with: complete replies. Late is never. */
  giveAnswer(number: number, answer: Uint8Array): void {
    if (this.raw || this.queue.empty || this.queue.kind !== Pending.ANSWER) return;
    if (this.queue.detail !== number) return;
    this.answer = answer;
    this.giveLocalReplies();
  }

  private letIn(): void {
    if (this.auth === Auth.YES) return;
    this.auth = Auth.YES;
    this.listener.letIn();
  }

  /** The connection is another one, or as new. */
  forgetAuth(): void {
    this.auth = Auth.UNKNOWN;
  }

  /** RESET: RESP2, no subscriptions, the default user. */
  private restart(): void {
    this.resp2 = true;
    this.subscriptions.clear();
    this.forgetAuth();
    this.listener.connectionReset();
  }

  /**
   * The shared connection is lost before the next `count` replies came. The client gets `error` for each of its own;
   * returns how many these are.
   */
  fail(count: number, error: Uint8Array): number {
    if (this.broken !== undefined) return 0;
    let told = 0;
    for (let left = count; left > 0; left--) {
      const { kind, detail } = this.queue;
      this.queue.pop();
      if (kind === Pending.FOLLOW_UP) this.listener.followUpAnswered(detail, FollowUpReply.FAILED);
      else if (kind !== Pending.SWALLOW && kind !== Pending.AUTH_PROBE) {
        this.client.write(error, 0, error.length);
        told++;
      }
      this.giveLocalReplies();
    }
    return told;
  }

  /** Decides on the item whose value begins with `type`, whether the client gets it and whether to look into it. */
  private begin(type: number): void {
    const { scanner, queue } = this;
    this.suppressed = false;
    // Not anew behind an attribute: that was this item's first byte.
    if (scanner.type !== BAR) this.asked = this.mayAnswer(type);
    if ((type === STAR || type === GREATER) && this.subscriptions.any) scanner.capture = true;
    if (!this.asked) return;
    if (type === GREATER && this.shared !== undefined) {
      // None of those who share a connection has asked to be told anything.
      this.suppressed = true;
      return;
    }
    switch (queue.kind) {
      case Pending.PASS:
      case Pending.OPAQUE:
        return;
      case Pending.CONSOLE:
        this.suppressed = type !== MINUS && type !== GREATER && type !== STAR;
        return;
      case Pending.FOLLOW_UP:
      case Pending.SWALLOW:
        // What is swallowed answers with an integer, a status or an error; an array is a message in between.
        this.suppressed = type !== GREATER && type !== STAR;
        return;
      case Pending.AUTH_PROBE:
        // Nobody subscribes without being logged in, so an array is no message.
        this.suppressed = type !== GREATER;
        return;
      case Pending.REFUSAL:
        this.suppressed = type === MINUS || type === BAR;
        return;
      case Pending.REPLY_CHECK:
        this.suppressed = type === PLUS || type === BAR;
        return;
      default:
        if (type === GREATER || type === STAR) scanner.capture = true;
    }
  }

  /** Whether an item that begins now may be the reply to the head of the queue. */
  private mayAnswer(type: number): boolean {
    const { queue } = this;
    if (queue.empty) return false;
    if (!isLocal(queue.kind)) return true;
    // Only a pipe that was opened meanwhile brings replies before an answer: they wait for nobody.
    if (type !== GREATER && this.shared === undefined) this.giveAnswer(queue.detail, UNANSWERED);
    return false;
  }

  private get subscribedInResp2(): boolean {
    return this.resp2 && this.subscriptions.any;
  }

  /** Takes note of the item that has just ended. Returns whether it was the reply to a command. */
  private settle(): boolean {
    const { scanner, queue } = this;
    const type = scanner.type;
    if (!this.asked) {
      this.isTold(type);
      return false;
    }
    const kind = queue.kind;
    if (kind === Pending.SUBSCRIPTION || kind === Pending.UNSUBSCRIBE_ALL)
      return this.settleSubscription(type, kind);
    if (this.isTold(type)) return false;
    const detail = queue.detail;
    const refused = type === MINUS;
    if (kind === Pending.CONSOLE && !refused) {
      this.letIn();
      queue.replaceHead(Pending.ANSWER, 1);
      // INFO is a verbatim string in RESP3: better than any memory of what HELLO said.
      this.listener.consoleAllowed(detail, type === EQUALS ? 3 : 2);
      return true;
    }
    queue.pop();
    // A script's own error tells nothing, but what comes before anything told is the server's, as far as it counts.
    if (refused && (kind !== Pending.OPAQUE || this.auth !== Auth.YES)) this.learnFromError(kind);
    this.learn(kind, detail, refused);
    return true;
  }

  /** The reply to what was owed as `kind` has just ended. */
  private learn(kind: Pending, detail: number, refused: boolean): void {
    const { scanner, listener } = this;
    const { type } = scanner;
    switch (kind) {
      case Pending.PASS:
      case Pending.OPAQUE:
        if (!refused) this.letIn();
        return;
      case Pending.FOLLOW_UP:
        listener.followUpAnswered(detail, this.followUpReply());
        return;
      case Pending.REFUSAL:
        if (refused) this.say(REFUSALS[detail as Refusal]);
        return;
      case Pending.MULTI:
        if (refused) listener.multiRefused(detail);
        // Inside a transaction a probe would be queued.
        else this.letIn();
        return;
      case Pending.EXEC:
        listener.execAnswered(type === STAR && scanner.length >= 0);
        return;
      case Pending.HELLO:
      case Pending.AUTH:
      case Pending.STATE:
        if (kind === Pending.HELLO && !refused) this.resp2 = type !== PERCENT;
        // Who it is comes first: one that has logged in is let in as that.
        listener.stateAnswered(kind, !refused);
        if (!refused) this.letIn();
        return;
      case Pending.RESET:
        if (!refused) this.restart();
        return;
      case Pending.AUTH_PROBE:
        if (!this.errorIs('-NOAUTH')) this.letIn();
        return;
      case Pending.REPLY_CHECK:
        // Once replies are off no probe would be answered: what was learnt here must do.
        if (!refused) this.letIn();
        listener.replyCheckAnswered(!refused);
        return;
      case Pending.MONITOR:
        this.raw = !refused;
        return;
      default:
        return;
    }
  }

  private learnFromError(kind: Pending): void {
    // The text that servers of all versions refuse a command with (server.c, shared.oomerr), to the letter.
    if (kind === Pending.PASS && this.errorIs(OOM_TEXT)) this.listener.upstreamOom();
    else if (this.errorIs('-NOAUTH ')) {
      const never = this.auth !== Auth.YES;
      this.auth = Auth.NO;
      if (never) this.listener.loginWanted();
    } else if (this.errorIs('-ERR Protocol error')) this.listener.protocolRefused();
  }

  private followUpReply(): FollowUpReply {
    if (this.scanner.type !== MINUS)
      return this.scanner.lastInteger === 1 ? FollowUpReply.SET : FollowUpReply.UNCHANGED;
    return this.errorIs('-NOPERM') ? FollowUpReply.DENIED : FollowUpReply.FAILED;
  }

  /** A confirmation comes as a reply in RESP2 and as a push in RESP3; an error answers the command whole. */
  private settleSubscription(type: number, kind: Pending): boolean {
    const { queue, scanner, subscriptions } = this;
    if (type === MINUS) {
      this.learnFromError(kind);
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

  /**
   * The item tells of itself, and answers nothing. In RESP2 messages look like replies, of which a subscriber gets
   * no others that begin with such a word. A cluster also ends subscriptions unasked, when it moves a slot.
   */
  private isTold(type: number): boolean {
    const { subscriptions, scanner } = this;
    if (type !== GREATER && (type !== STAR || !this.subscribedInResp2)) return false;
    const read = subscriptions.any
      ? subscriptions.read(scanner.prefix, scanner.prefixLength)
      : Confirmation.NONE;
    if (read === Confirmation.UNSUBSCRIBED) subscriptions.confirm(scanner.lastInteger);
    return type === GREATER || read !== Confirmation.NONE;
  }

  private errorIs(code: string): boolean {
    return startsWith(this.scanner.prefix, 0, this.scanner.prefixLength, code);
  }

  private giveLocalReplies(): void {
    // Others' replies come between those of this session where they share the connection, but no pushes.
    if (this.shared === undefined && !this.scanner.atBoundary) return;
    while (!this.queue.empty) {
      const kind = this.queue.kind;
      if (!isLocal(kind)) return;
      if (kind === Pending.RAW) this.raw = true;
      else if (kind === Pending.LOCAL_OOM) this.say(OOM_ERROR);
      else if (this.answer === undefined) return;
      else {
        this.say(this.answer);
        this.answer = undefined;
      }
      this.queue.pop();
    }
  }

  private say(reply: Uint8Array): void {
    this.client.write(reply, 0, reply.length);
  }

  private pass(buf: Uint8Array, from: number, to: number): void {
    if (to > from) this.client.write(buf, from, to);
  }
}
