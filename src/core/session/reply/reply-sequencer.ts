// The downstream half of a session: a server's bytes in, the client's replies out, in the order of its commands.
// Owns the queue of pending replies and the reply scanner; what replies tell of the connection is in upstream-state.ts.
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
// If nothing was owed when an item's first byte came, it answers nothing that is asked while the rest of it comes.
import { FollowUpReply } from '../../policy/observer.js';
import { BAR, EQUALS, GREATER, MINUS, STAR } from '../../resp/bytes.js';
import { errorReply } from '../../resp/client-errors.js';
import { invariant } from '../../resp/invariant.js';
import { ReplyScanner } from '../../resp/reply-scanner.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';
import { isLocal, Lost, Pending, Refusal, rowOf } from './pending-kind.js';
import { PendingQueue } from './pending-queue.js';
import type { ReplyOwner, SharedReplies } from './reply-owner.js';
import { Auth, type ReplyListener, UpstreamState } from './upstream-state.js';

const OOM_ERROR = errorReply('OOM');
const REFUSALS: Readonly<Record<Refusal, Buffer>> = {
  [Refusal.OOM]: OOM_ERROR,
  [Refusal.IN_TRANSACTION]: errorReply('IN_TRANSACTION'),
};
/** In place of an answer before which the server's next bytes have come. */
const UNANSWERED = errorReply('PROXY_OVERTAKEN');

export class ReplySequencer {
  readonly queue = new PendingQueue();
  /** Everything passes unread, for good. */
  raw = false;
  /** A fault of Spillway's own: what came of the replies since is not known, and the client gets none of them. */
  broken: unknown;
  /** What the replies have told of the connection. */
  readonly upstream: UpstreamState;
  private readonly ownScanner = new ReplyScanner();
  /** Of the connection on which the replies come. */
  private scanner = this.ownScanner;
  private shared: SharedReplies | undefined;
  private owner: ReplyOwner | undefined;
  /** How many replies the last receive() took. */
  taken = 0;
  /** The item under scan is kept from the client. */
  private suppressed = false;
  /** The item under scan may be the reply to the head of the queue: that was owed before its first byte came. */
  private asked = false;
  /** Spillway's answer to the question at the head, waiting for a place between two items. */
  private answer: Uint8Array | undefined;

  constructor(
    private client: ByteSink,
    private readonly listener: ReplyListener,
  ) {
    this.upstream = new UpstreamState(listener);
  }

  /** Nothing is owed: all that was asked has been answered. */
  get idle(): boolean {
    return this.queue.empty;
  }

  /** The client has got the whole of whatever came for it, unasked too. */
  get between(): boolean {
    // Where others' replies come in between nothing comes unasked.
    return this.shared !== undefined || this.scanner.atBoundary || this.raw;
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
      this.upstream.auth === Auth.YES &&
      !this.upstream.subscribedInResp2
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
    const { queue } = this;
    if (this.raw || queue.empty || queue.kind !== Pending.ANSWER || queue.detail !== number) return;
    this.answer = answer;
    this.giveLocalReplies();
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
      if (rowOf(kind).lost === Lost.FOLLOW_UP) this.listener.followUpAnswered(detail, FollowUpReply.FAILED);
      else if (rowOf(kind).lost === Lost.TOLD) {
        this.say(error);
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
    const mayTell = type === STAR || type === GREATER;
    if (mayTell && this.upstream.subscribed) scanner.capture = true;
    if (!this.asked) return;
    if (type === GREATER && this.shared !== undefined) {
      // None of those who share a connection has asked to be told anything.
      this.suppressed = true;
      return;
    }
    const { hides, isConfirmed } = rowOf(queue.kind);
    this.suppressed = hides(type);
    if (isConfirmed && mayTell) scanner.capture = true;
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

  /** Takes note of the item that has just ended. Returns whether it was the reply to a command. */
  private settle(): boolean {
    const { scanner, queue, upstream } = this;
    if (!this.asked) {
      upstream.isTold(scanner);
      return false;
    }
    const { kind, detail } = queue;
    if (rowOf(kind).isConfirmed) return upstream.confirm(queue, scanner);
    if (upstream.isTold(scanner)) return false;
    const refused = scanner.type === MINUS;
    if (kind === Pending.CONSOLE && !refused) {
      upstream.letIn();
      queue.replaceHead(Pending.ANSWER, 1);
      // INFO is a verbatim string in RESP3: better than any memory of what HELLO said.
      this.listener.consoleAllowed(detail, scanner.type === EQUALS ? 3 : 2);
      return true;
    }
    queue.pop();
    upstream.learn(kind, detail, scanner);
    if (kind === Pending.REFUSAL && refused) this.say(REFUSALS[detail as Refusal]);
    if (kind === Pending.MONITOR && !refused) this.raw = true;
    return true;
  }

  private giveLocalReplies(): void {
    // Others' replies come between those of this session where they share the connection, but no pushes.
    if (this.shared === undefined && !this.scanner.atBoundary) return;
    while (!this.queue.empty) {
      const { kind } = this.queue;
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
