// The downstream half of a session: the server's bytes in, the client's replies out, in the order of its commands.
// Owns the queue of pending replies and the reply scanner. What replies tell about the connection is in upstream-state.ts.
// Never reorders, and never delays bytes of a reply that passes. It hides only replies that Spillway itself asked for.
// It is long because each way of an item to its client, or past it, is decided here.
//
//   upstream bytes ─▶ item ─┬─ push (`>`, or a message in RESP2) ──────────▶ client
//                           ├─ reply, head is PASS ────────────────────────▶ client
//                           ├─ reply, head is FOLLOW_UP/SWALLOW/AUTH_PROBE ▶ hidden
//                           ├─ error, head is REFUSAL ─────────────────────▶ another text in its place
//                           ├─ reply, head is CONSOLE ─────────────────────▶ hidden: the head becomes ANSWER
//                           └─ error, head is CONSOLE ─────────────────────▶ client
//   Local replies, between two items: head LOCAL_OOM, the OOM text or its rule's; head ANSWER, the answer once it is there.
//
// An item whose first byte arrived while the queue was empty answers no command, even if one is sent before its last byte.
import { FollowUpReply } from '../../policy/observer.js';
import { BAR, EQUALS, GREATER, MINUS, STAR } from '../../resp/bytes.js';
import { errorReply } from '../../resp/client-errors.js';
import { invariant } from '../../resp/invariant.js';
import { ReplyScanner } from '../../resp/reply-scanner.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';
import { isLocal, Lost, Pending, rowOf } from './pending-kind.js';
import { PendingQueue } from './pending-queue.js';
import { replyOf } from './refusal-text.js';
import type { ReplyOwner, SharedReplies } from './reply-owner.js';
import { Auth, type ReplyListener, UpstreamState } from './upstream-state.js';

const FULL = errorReply('MAX_CLIENTS');
/** Sent in place of an answer that comes after the server's next bytes. */
const UNANSWERED = errorReply('PROXY_OVERTAKEN');
/** Sent in place of an answer for which the server would have to speak first. */
export const SILENT = errorReply('PROXY_SERVER_SILENT');

export class ReplySequencer {
  readonly queue = new PendingQueue();
  /** Everything passes unread, for good. */
  raw = false;
  /** A bug in Spillway was met; the client gets no more replies. */
  broken: unknown;
  /** What the replies have shown about the connection. */
  readonly upstream: UpstreamState;
  private readonly ownScanner = new ReplyScanner();
  /** The scanner of the connection on which the replies come. */
  private scanner = this.ownScanner;
  private shared: SharedReplies | undefined;
  private owner: ReplyOwner | undefined;
  /** How many replies the last receive() took. */
  taken = 0;
  /** The item under scan is hidden. */
  private suppressed = false;
  /** The item under scan may be the reply to the head of the queue, which was there before the item's first byte came. */
  private asked = false;
  /** Spillway's answer to the PROXY question at the head; it waits for a place between two items. */
  private answer: Uint8Array | undefined;

  constructor(
    private client: ByteSink,
    private readonly listener: ReplyListener,
  ) {
    this.upstream = new UpstreamState(listener);
  }

  /** Whether no reply is due. */
  get idle(): boolean {
    return this.queue.empty;
  }

  /** Whether no item is half delivered to the client, pushes included. */
  get between(): boolean {
    // A shared connection brings its clients no pushes.
    return this.shared !== undefined || this.scanner.atBoundary || this.raw;
  }

  /** From now on replies come on a shared connection, where they belong to `owner`, or on an own one. */
  attach(shared?: SharedReplies, owner?: ReplyOwner): void {
    invariant(this.between, 'a client leaves no connection in the middle of a reply');
    this.shared = shared;
    this.owner = owner;
    this.scanner = shared?.scanner ?? this.ownScanner;
  }

  /** Whether the client waits for no reply, although hidden ones may be due, and none is half delivered. */
  get owesNothing(): boolean {
    return this.between && this.queue.isHiddenBut(Pending.SWALLOW);
  }

  /** A reply of Spillway's own, to a client to which no other is due: or its last words. */
  sayAtOnce(reply: Uint8Array): void {
    this.say(reply);
  }

  /** The client is gone: its replies are dropped. */
  abandon(): void {
    this.client = NOWHERE;
  }

  /**
   * Takes the server's next bytes, up to the end of the `most`th reply (pushes do not count). `bytes` is valid only until this
   * returns. Returns the offset after what it took.
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
          // Not RESP: replies can no longer be matched to commands, so nothing may be withheld.
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

  /** Whether the next reply is an ordinary one, which tells something only if it is an error or a push. */
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

  /** Drops the replies, but still finds their ends, because other clients share the connection. */
  private skim(buf: Uint8Array, at: number, end: number, most: number): number {
    while (at < end && this.taken < most && !this.scanner.malformed) {
      at = this.scanner.scan(buf, at, end);
      if (this.scanner.atBoundary && this.scanner.type !== GREATER) this.taken++;
    }
    return at;
  }

  /** Queues `count` pending replies. A local reply is sent at once if it is first. */
  owe(kind: Pending, detail = 0, count = 1): void {
    this.queue.push(kind, detail, count);
    if (isLocal(kind)) this.giveLocalReplies();
    else if (this.owner !== undefined) this.shared?.owe(this.owner, count);
  }

  /** Answers PROXY question `number` with complete replies. A late answer is dropped. */
  giveAnswer(number: number, answer: Uint8Array): void {
    const { queue } = this;
    if (this.raw || queue.empty || queue.kind !== Pending.ANSWER || queue.detail !== number) return;
    this.answer = answer;
    this.giveLocalReplies();
  }

  /**
   * The server has been silent for too long about the PROXY question that waits: the client gets an error, and what the server
   * will say is hidden. Returns false if the question must wait on: for another reply, or for the rest of one.
   */
  giveUpQuestion(): boolean {
    const { queue, shared, owner } = this;
    if (this.raw || queue.empty || queue.lastKind !== Pending.CONSOLE) return false;
    if (!queue.isHiddenBut(Pending.CONSOLE)) return false;
    const isCut =
      shared === undefined ? !this.scanner.atBoundary : owner !== undefined && shared.isCut(owner);
    if (isCut) return false;
    queue.replaceLast(Pending.SWALLOW);
    this.say(SILENT);
    return true;
  }

  /**
   * The shared connection is lost before the next `count` replies came. The client gets `error` for each that is not hidden;
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

  /** An item begins with `type`: decides whether the client gets it, and whether to capture its first bytes. */
  private begin(type: number): void {
    const { scanner, queue } = this;
    this.suppressed = false;
    // Not again after an attribute, which was this item's first byte.
    if (scanner.type !== BAR) this.asked = this.mayAnswer(type);
    const mayBeMessage = type === STAR || type === GREATER;
    if (mayBeMessage && this.upstream.subscribed) scanner.capture = true;
    if (!this.asked) return;
    if (type === GREATER && this.shared !== undefined) {
      // No client that shares a connection has asked for pushes.
      this.suppressed = true;
      return;
    }
    const { hides, isConfirmed } = rowOf(queue.kind);
    this.suppressed = hides(type);
    if (isConfirmed && mayBeMessage) scanner.capture = true;
  }

  /** Whether an item that begins now may be the reply to the head of the queue. */
  private mayAnswer(type: number): boolean {
    const { queue } = this;
    if (queue.empty) return false;
    if (!isLocal(queue.kind)) return true;
    // Replies come before the answer only if the connection has become a pipe meanwhile; they do not wait.
    if (type !== GREATER && this.shared === undefined) this.giveAnswer(queue.detail, UNANSWERED);
    return false;
  }

  /** An item has ended. Returns whether it was the reply to a command. */
  private settle(): boolean {
    const { scanner, queue, upstream } = this;
    if (!this.asked) {
      upstream.takesMessage(scanner);
      return false;
    }
    const { kind, detail } = queue;
    if (rowOf(kind).isConfirmed) return upstream.confirm(queue, scanner);
    if (upstream.takesMessage(scanner)) return false;
    const refused = scanner.type === MINUS;
    if (kind === Pending.CONSOLE && !refused) {
      upstream.letIn();
      queue.replaceHead(Pending.ANSWER, 1);
      // INFO is a verbatim string in RESP3, which is more reliable than remembering HELLO.
      this.listener.consoleAllowed(detail, scanner.type === EQUALS ? 3 : 2);
      return true;
    }
    queue.pop();
    upstream.learn(kind, detail, scanner);
    if (kind === Pending.REFUSAL && refused) this.say(replyOf(detail));
    // A full server says so unasked, in place of its first reply, and closes the connection.
    if (kind === Pending.AUTH_PROBE && refused && upstream.isFull(scanner)) this.say(FULL);
    if (kind === Pending.MONITOR && !refused) this.raw = true;
    return true;
  }

  private giveLocalReplies(): void {
    // On a shared connection other clients' replies may be half delivered, but none of this client's pushes.
    if (this.shared === undefined && !this.scanner.atBoundary) return;
    while (!this.queue.empty) {
      const { kind } = this.queue;
      if (!isLocal(kind)) return;
      if (kind === Pending.RAW) this.raw = true;
      else if (kind === Pending.LOCAL_OOM) this.say(replyOf(this.queue.detail));
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
