// The downstream half of a session: a server's bytes in, the client's replies out, in the order of its commands.
// Owns the queue of pending replies, the reply scanner, and what only replies tell: RESP version, subscriptions.
// Never reorders and never holds back bytes of a reply that passes; what is swallowed is what Spillway asked for.
//
//   upstream bytes ─▶ item ─┬─ push (`>`, or a message in RESP2) ──────────▶ client
//                           ├─ reply, head is PASS ────────────────────────▶ client
//                           ├─ reply, head is FOLLOW_UP/SWALLOW/AUTH_PROBE ▶ nowhere
//                           └─ error, head is REFUSAL ─────────────────────▶ the OOM text in its place
//   … and whenever the head is LOCAL_OOM between two items: the OOM text.
import { FollowUpReply } from '../policy/observer.js';
import { GREATER, MINUS, PERCENT, PLUS, STAR, startsWith } from '../resp/bytes.js';
import { OOM_ERROR } from '../resp/encode.js';
import { ReplyScanner } from '../resp/reply-scanner.js';
import type { ByteSink } from './byte-sink.js';
import { Pending, PendingQueue } from './pending-queue.js';
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
  /** AUTH or HELLO succeeded: rights may be others now. */
  userChanged(): void;
  upstreamOom(): void;
}

/** Whether the connection may run commands, as far as replies have told. */
export const Auth = { UNKNOWN: 0, YES: 1, NO: 2 } as const;
export type Auth = (typeof Auth)[keyof typeof Auth];

export class ReplySequencer {
  readonly queue = new PendingQueue();
  /** Everything passes unread, for good. */
  raw = false;
  auth: Auth = Auth.UNKNOWN;
  private readonly scanner = new ReplyScanner();
  private readonly subscriptions = new Subscriptions();
  /** The connection speaks RESP2: messages come as plain arrays. */
  private resp2 = true;
  /** The item under scan is kept from the client. */
  private suppressed = false;

  constructor(
    private readonly client: ByteSink,
    private readonly listener: ReplyListener,
  ) {}

  /** Nothing is owed: all that was asked has been answered. */
  get idle(): boolean {
    return this.queue.empty;
  }

  /** Messages may come though nothing is owed. */
  get subscribed(): boolean {
    return this.subscriptions.any;
  }

  /** The server's next bytes. They must not change afterwards (see ByteSink). */
  receive(buf: Uint8Array): void {
    const end = buf.length;
    let at = 0;
    let passFrom = 0;
    while (at < end && !this.raw) {
      if (this.scanner.atBoundary) {
        this.begin(buf[at]);
        if (this.suppressed) this.pass(buf, passFrom, at);
      }
      at = this.scanner.scan(buf, at, end);
      if (this.scanner.malformed) {
        // Not RESP: nothing can be matched any more, so nothing may be withheld.
        if (this.suppressed) passFrom = at;
        this.raw = true;
        break;
      }
      if (!this.scanner.atBoundary) break;
      if (this.isPlainPass()) {
        this.queue.pop();
        if (this.queue.empty || !isLocal(this.queue.kind)) continue;
      }
      if (!this.suppressed) this.pass(buf, passFrom, at);
      passFrom = at;
      if (!this.queue.empty && !isLocal(this.queue.kind)) this.settle();
      this.giveLocalReplies();
    }
    if (!this.suppressed || this.scanner.atBoundary || this.raw) this.pass(buf, passFrom, end);
  }

  /** A reply is owed that Spillway gives itself: now, if nothing stands before it. */
  owe(kind: Pending, detail = 0, count = 1): void {
    this.queue.push(kind, detail, count);
    if (isLocal(kind)) this.giveLocalReplies();
  }

  /** RESET: RESP2, no subscriptions, the default user. */
  private restart(): void {
    this.resp2 = true;
    this.subscriptions.clear();
    this.auth = Auth.UNKNOWN;
  }

  /** Decides on the item that begins with `type` whether the client gets it, and whether to look into it. */
  private begin(type: number): void {
    this.suppressed = false;
    if (this.queue.empty) return;
    const { scanner } = this;
    switch (this.queue.kind) {
      case Pending.PASS:
        scanner.capture = type === STAR && this.subscribedInResp2;
        return;
      case Pending.FOLLOW_UP:
      case Pending.SWALLOW:
      case Pending.AUTH_PROBE:
        // What is swallowed answers with an integer, a status or an error; an array is a message in between.
        this.suppressed = type !== GREATER && type !== STAR;
        scanner.capture = type === STAR;
        return;
      case Pending.REFUSAL:
        this.suppressed = type === MINUS;
        scanner.capture = type === STAR;
        return;
      case Pending.REPLY_CHECK:
        this.suppressed = type === PLUS;
        scanner.capture = type === STAR;
        return;
      default:
        scanner.capture = type === GREATER || type === STAR;
    }
  }

  /** The item that has just ended answers a command that nothing was done to and tells nothing new. */
  private isPlainPass(): boolean {
    return (
      !this.queue.empty &&
      this.queue.kind === Pending.PASS &&
      this.scanner.type !== GREATER &&
      this.scanner.type !== MINUS &&
      this.auth === Auth.YES &&
      !this.subscribedInResp2
    );
  }

  private get subscribedInResp2(): boolean {
    return this.resp2 && this.subscriptions.any;
  }

  /** Takes note of the item that has just ended; the queue is not empty and its head is no local reply. */
  private settle(): void {
    const { scanner, queue, listener } = this;
    const type = scanner.type;
    const kind = queue.kind;
    if (kind === Pending.SUBSCRIPTION || kind === Pending.UNSUBSCRIBE_ALL) {
      this.settleSubscription(type, kind);
      return;
    }
    if (type === GREATER || this.isMessage(type)) return;
    const detail = queue.detail;
    const refused = type === MINUS;
    queue.pop();
    if (refused) this.learnFromError();
    switch (kind) {
      case Pending.PASS:
        if (!refused) this.auth = Auth.YES;
        return;
      case Pending.FOLLOW_UP:
        listener.followUpAnswered(detail, this.followUpReply());
        return;
      case Pending.REFUSAL:
        if (refused) this.client.write(OOM_ERROR, 0, OOM_ERROR.length);
        return;
      case Pending.MULTI:
        if (refused) listener.multiRefused(detail);
        // Inside a transaction a probe would be queued.
        else this.auth = Auth.YES;
        return;
      case Pending.EXEC:
        listener.execAnswered(type === STAR && scanner.length >= 0);
        return;
      case Pending.HELLO:
      case Pending.AUTH:
        if (refused) return;
        if (kind === Pending.HELLO) this.resp2 = type !== PERCENT;
        this.auth = Auth.YES;
        listener.userChanged();
        return;
      case Pending.RESET:
        if (!refused) this.restart();
        return;
      case Pending.AUTH_PROBE:
        if (!this.errorIs('-NOAUTH')) this.auth = Auth.YES;
        return;
      case Pending.REPLY_CHECK:
        // Once replies are off no probe would be answered: what was learnt here must do.
        if (!refused) this.auth = Auth.YES;
        listener.replyCheckAnswered(!refused);
        return;
      case Pending.MONITOR:
        this.raw = !refused;
        return;
      default:
        return;
    }
  }

  private learnFromError(): void {
    if (this.errorIs('-OOM ')) this.listener.upstreamOom();
    else if (this.errorIs('-NOAUTH ')) this.auth = Auth.NO;
  }

  private followUpReply(): FollowUpReply {
    if (this.scanner.type !== MINUS)
      return this.scanner.lastInteger === 1 ? FollowUpReply.SET : FollowUpReply.UNCHANGED;
    return this.errorIs('-NOPERM') ? FollowUpReply.DENIED : FollowUpReply.FAILED;
  }

  /** A confirmation comes as a reply in RESP2 and as a push in RESP3; an error answers the command whole. */
  private settleSubscription(type: number, kind: Pending): void {
    const { queue, scanner, subscriptions } = this;
    if (type === MINUS) {
      this.learnFromError();
      queue.popRun();
      return;
    }
    this.auth = Auth.YES;
    const read = subscriptions.read(scanner.prefix, scanner.prefixLength);
    if (read === Confirmation.MESSAGE || (type === GREATER && read === Confirmation.NONE)) return;
    if (kind === Pending.UNSUBSCRIBE_ALL) {
      queue.replaceHead(Pending.SUBSCRIPTION, Math.max(1, subscriptions.count(queue.detail as Kind)));
    }
    // A HELLO whose reply was silenced shows here at the latest.
    this.resp2 = type !== GREATER;
    subscriptions.confirm(scanner.lastInteger);
    queue.pop();
  }

  /** In RESP2 a subscriber's messages look like replies; only their first word tells. */
  private isMessage(type: number): boolean {
    if (type !== STAR || !this.subscribedInResp2) return false;
    return this.subscriptions.read(this.scanner.prefix, this.scanner.prefixLength) === Confirmation.MESSAGE;
  }

  private errorIs(code: string): boolean {
    return startsWith(this.scanner.prefix, 0, this.scanner.prefixLength, code);
  }

  private giveLocalReplies(): void {
    if (!this.scanner.atBoundary) return;
    while (!this.queue.empty) {
      const kind = this.queue.kind;
      if (!isLocal(kind)) return;
      if (kind === Pending.RAW) this.raw = true;
      else this.client.write(OOM_ERROR, 0, OOM_ERROR.length);
      this.queue.pop();
    }
  }

  private pass(buf: Uint8Array, from: number, to: number): void {
    if (to > from) this.client.write(buf, from, to);
  }
}

/** Whether a pending reply waits for nothing from upstream. */
function isLocal(kind: Pending): boolean {
  return kind === Pending.LOCAL_OOM || kind === Pending.RAW;
}
