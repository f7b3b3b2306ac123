// One client and the upstream connection that it has as a pure machine: bytes in, bytes out by two sinks.
// No socket, timer or clock of its own. Joins the request half (RequestFeed) and the reply half (ReplySequencer)
// and does to each write what the policy says; what a command does to its connection is in connection.ts.
// With command pooling a session has an upstream connection of its own only while it needs one, and shares one, or
// has none, otherwise: it says what the next command `wants`, and stalls until that is attached.
//
//   client bytes ─▶ RequestFeed ─▶ command() ─▶ Policy ─▶ upstream sink
//                                      │ owes
//   client sink ◀─ ReplySequencer ◀── PendingQueue ◀──── upstream bytes
//
// A fault of Spillway's own in the middle of this ends the session, not the process: `fault` says what it was, nothing
// is taken from the client or said to it any more, and its replies on a connection that others share are counted on.
//
// A stall holds the client's next command until everything asked so far is answered: the few decisions that
// depend on a reply wait for it. Every stall ends by itself, since each reply owed comes or the connection ends.
import {
  arityFits,
  type CommandSpec,
  ConnectionRole,
  PIN_REASONS,
  type PinReason,
  Sharing,
  TtlChange,
} from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import type { Policy } from '../policy/policy.js';
import { Action, type Verdict } from '../policy/verdict.js';
import type { ExpireIfNone } from '../resp/encode.js';
import { invariant } from '../resp/invariant.js';
import { RequestScanner } from '../resp/request-scanner.js';
import { type ByteSink, NOWHERE } from './byte-sink.js';
import { Standing } from './pooling/hold.js';
import { type Identity, NOBODY } from './pooling/identity.js';
import { Pending } from './reply/pending-kind.js';
import type { ReplyOwner, SharedReplies } from './reply/reply-owner.js';
import { Auth } from './reply/upstream-state.js';
import type { FollowUpForm } from './request/follow-ups.js';
import { GrowthMeter } from './request/growth-meter.js';
import type { LargeWrite } from './request/large-write.js';
import { ReliefWatch } from './request/relief-watch.js';
import { type CommandHandler, Flow, RequestFeed } from './request/request-feed.js';
import { UpstreamWriter } from './request/upstream-writer.js';
import { WriteForwarder } from './request/write-forwarder.js';
import { Connection } from './state/connection.js';
import type { ConsoleQuestion } from './state/console-question.js';

/** What all sessions share. The mutable fields may be swapped at any time between two chunks of bytes. */
export interface SessionContext extends FollowUpForm {
  table: CommandTable;
  readonly policy: Policy;
  followUps: boolean;
  followUp: ExpireIfNone;
  /** How many bytes of a multi-key write may be held back until its keys are known. */
  lookaheadBytes: number;
  /** How many runs of pending replies a session may have before it stops reading its client. */
  pendingRuns: number;
  /** Monotonic milliseconds, for latency samples. */
  readonly clock: () => number;
  readonly counters: SessionCounters;
  /** Command pooling only. */
  readonly pooling?: PoolingCounters;
}

/** Counted over all sessions. */
export interface SessionCounters {
  commands: number;
  /** Times a client's next command had to wait for a reply. */
  stalls: number;
  /** Sessions that turned to passing bytes unread. */
  raw: number;
}

/** Counted over all sessions that share connections. */
export interface PoolingCounters {
  /** Times a client was to get a connection of its own, by what for. */
  readonly pins: Record<PinReason, number>;
  /** Commands that were answered with an error, since their shared connection was lost. */
  commandsLost: number;
  /** Times a client's next command waited, since the replies to those before it may be much. */
  windowStalls: number;
  /** Times a client's pipeline had to stop, since it would have kept its own connection for ever. */
  strayStalls: number;
}

export function noPoolingYet(): PoolingCounters {
  const pins = Object.fromEntries(PIN_REASONS.map((reason) => [reason, 0])) as Record<PinReason, number>;
  return { pins, commandsLost: 0, windowStalls: 0, strayStalls: 0 };
}

/** Redis 7 refuses more arguments before authentication (networking.c), and before 7.0 more at any time. */
const MOST_ARGUMENTS_UNAUTHENTICATED = 10;
const MOST_ARGUMENTS = 1024 * 1024;
/** Words of a HELLO that logs nobody in: with the version. */
const BARE_HELLO = 2;
/** A client whose pipeline never ends leaves its own connection at the latest after so many commands. */
const MOST_STRAYED = 1024;
/** To a shared connection, from there to one of its own, and a few more where one is lost in between. */
const MOST_MOVES = 8;

/** Where a session's commands go. */
export const Place = { NOWHERE: 0, OWN: 1, SHARED: 2 } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** A connection that clients share, as a session uses it. */
export interface SharedLine {
  readonly batch: ByteSink;
  readonly lane: SharedReplies;
  /** Bytes that the replies owed to one client on it may come to, as far as can be told. */
  readonly allowance: number;
}

/**
 * Finds a session that is owed nothing the shared connection for its next command: for one that the server may put off
 * (`pausable`), or for one that must not wait behind such. Undefined: there is none at hand, it is to be attached.
 */
export type Switchboard = (pausable: boolean) => SharedLine | undefined;

export class Session implements CommandHandler, ReplyOwner {
  /** What the client's next command needs and the session has not: attach it. NOWHERE: nothing. */
  wants: Place = Place.NOWHERE;
  /** Nothing right can be done for the client any more: it is to be ended. */
  fault: unknown;
  /** What has gone up by the shared connection since may be half a command, or one whose reply nobody waits for. */
  spoilsShared = false;
  /** What it wants SHARED is for a command that the server may put off. */
  wantsPausable = false;
  private place: Place;
  private readonly upstream: UpstreamWriter;
  private readonly feed: RequestFeed;
  private readonly connection: Connection;
  private readonly writes: WriteForwarder;
  private readonly growth: GrowthMeter;
  private readonly reliefs: ReliefWatch;
  /** The large command under way, if it is a write that the policy has a say in. */
  private largeWrite: LargeWrite | undefined;
  private largeSpec: CommandSpec | undefined;
  /** The latency sample under way: the number of the reply it waits for (-1: none), and since when. */
  private sampleReply = -1;
  private sampledAt = 0;
  /** The number of the reply to the last blocking command. */
  private blockingReply = 0;
  /** The number of the reply to the last question to Spillway: no measure of the server. */
  private consoleReply = 0;
  /** How many commands in a row have gone up its own connection for no reason but those before them. */
  private strayed = 0;
  /** How often it was given another connection since it last took a command, or lost one. */
  private moves = 0;
  /** See `outgrown`; Infinity: it has not been offered one that was too small. */
  private outgrownAllowance = Number.POSITIVE_INFINITY;
  private wasRaw = false;
  private closed = false;
  private draining = false;
  private readonly pooled: boolean;
  /** The shared connection that it has. */
  private line: SharedLine | undefined;
  /** What is owed on it waits for the server to go on with what it may put off. */
  private onPausable = false;

  constructor(
    private readonly context: SessionContext,
    client: ByteSink,
    /** Its own upstream connection, for good; undefined: pooled, attach() gives one. */
    own?: ByteSink,
    /** Who gets its replies on shared connections, and where it finds these. */
    private readonly owner?: ReplyOwner,
    private readonly switchboard?: Switchboard,
  ) {
    this.pooled = own === undefined;
    this.place = this.pooled ? Place.NOWHERE : Place.OWN;
    const args = new RequestScanner();
    this.upstream = new UpstreamWriter(own ?? NOWHERE, args);
    this.feed = new RequestFeed(args, this.upstream, this);
    this.connection = new Connection(
      this.upstream,
      client,
      this.feed,
      context.policy.observer,
      context,
      this.pooled,
    );
    this.growth = new GrowthMeter(context.policy.gate, this.connection.replies.queue);
    this.reliefs = new ReliefWatch(context.policy.gate, this.connection.replies.queue);
    this.writes = new WriteForwarder(this.upstream, this.feed, this.connection, this.growth, context.policy);
  }

  get lookahead(): number {
    return this.context.lookaheadBytes;
  }

  /** What fromClient() gets is only held, until a reply has come. */
  get stalled(): boolean {
    return this.feed.stalled;
  }

  get heldBytes(): number {
    return this.feed.heldBytes;
  }

  /** Nothing is owed to the client or half delivered, and no command or transaction of it has begun on the server. */
  get idle(): boolean {
    const { replies } = this.connection;
    return replies.idle && replies.between && !this.feed.streaming && !this.connection.inMulti;
  }

  /** What goes up may be under way without a reply being owed: the client asked for silence, or bytes pass unread. */
  get unanswered(): boolean {
    return this.connection.unanswered;
  }

  /** The client has asked the server to end its connection. */
  get quits(): boolean {
    return this.connection.quits;
  }

  /**
   * A client that is silent may be closed: it waits for nothing, and what it does is understood (as in
   * clientsCronHandleTimeout, timeout.c: not blocked, not subscribed, no MONITOR, no replica).
   */
  get mayTimeOut(): boolean {
    const { replies } = this.connection;
    return replies.idle && !replies.upstream.subscribed && !replies.raw;
  }

  /** What the client calls itself, '' if it doesn't. */
  get clientName(): string {
    return this.connection.name;
  }

  /** Who the client is by now, and how it speaks (command pooling). */
  get identity(): Identity {
    return this.connection.hold?.identity ?? NOBODY;
  }

  /** It has a connection of its own and no need of it any more. */
  get mayRelease(): boolean {
    return this.mayRest && !this.bulky && !this.outgrown;
  }

  /** It has a connection of its own and nothing on it: its next command may go up another one of its own. */
  get mayRest(): boolean {
    return this.pooled && this.place === Place.OWN && this.idle && !this.connection.held;
  }

  get hasOwnUpstream(): boolean {
    return this.place === Place.OWN;
  }

  /** The client reads too slowly to share: it gets a connection of its own, for good. */
  stopSharing(): void {
    this.connection.hold?.holdForGood();
  }

  /** There is no room for the shared connection that it wants: it gets one of its own, for good. */
  keepOwn(): void {
    if (this.wants !== Place.SHARED) return;
    this.stopSharing();
    this.wants = Place.OWN;
    if (this.context.pooling !== undefined) this.context.pooling.pins['no-room']++;
  }

  /** Its own connection has other rights than it must have: it is to be ended. */
  get hasOtherRights(): boolean {
    return this.connection.hasOtherRights;
  }

  /** Its own connection has told that it may run commands: so may another one of the same login. */
  get isLetIn(): boolean {
    const { hold, replies } = this.connection;
    return (
      this.place === Place.OWN &&
      replies.upstream.auth === Auth.YES &&
      (hold?.loggedIn === true || hold?.standing === Standing.OPEN)
    );
  }

  /** It has no rights but those that it came with, and has not said or learnt yet what these are. */
  get isNew(): boolean {
    const { hold } = this.connection;
    return hold?.loggedIn === false && hold.standing === Standing.UNKNOWN;
  }

  /**
   * What a connection was when the client came: see Standing. One that is not let in has a connection of its own from now on:
   * what it may do is what that one may, which was made before the client was told anything.
   */
  vouched(open: boolean): void {
    const { hold } = this.connection;
    if (hold === undefined || hold.loggedIn) return;
    hold.standing = open ? Standing.OPEN : Standing.SHUT;
    if (!open && this.place !== Place.OWN) this.wants = Place.OWN;
  }

  /** What the client asks Spillway itself: each is given once, to be answered by answer(). */
  takeQuestion(): ConsoleQuestion | undefined {
    const { question } = this.connection;
    this.connection.question = undefined;
    return question;
  }

  /** The answer to a question that was taken, as complete replies. */
  answer({ number }: ConsoleQuestion, reply: Uint8Array): void {
    this.guarded(() => {
      this.connection.replies.giveAnswer(number, reply);
      this.answered();
    });
  }

  get taken(): number {
    return this.connection.replies.taken;
  }

  /** Gives it an upstream connection of its own. Nothing may be owed. */
  attach(upstream: ByteSink): void {
    this.guarded(() => {
      invariant(this.idle, 'a client takes another connection when nothing is owed to it');
      this.upstream.switchTo(upstream);
      this.place = Place.OWN;
      this.line = undefined;
      const { replies, hold } = this.connection;
      replies.attach();
      if (hold?.loggedIn === false) replies.upstream.auth = Auth.UNKNOWN;
      this.attached();
    });
  }

  /** Gives it the shared connection that it wants. Nothing may be owed. */
  attachShared(line: SharedLine): void {
    this.guarded(() => {
      invariant(this.idle, 'a client takes another connection when nothing is owed to it');
      this.switchTo(line, this.wantsPausable);
      this.attached();
    });
  }

  private switchTo(line: SharedLine, pausable: boolean): void {
    this.upstream.switchTo(line.batch);
    this.place = Place.SHARED;
    this.outgrownAllowance = Number.POSITIVE_INFINITY;
    this.line = line;
    this.onPausable = pausable;
    const { replies } = this.connection;
    replies.attach(line.lane, this.owner ?? this);
    replies.upstream.auth = Auth.YES;
  }

  private attached(): void {
    this.wants = Place.NOWHERE;
    this.strayed = 0;
    invariant(++this.moves <= MOST_MOVES, 'what a client is given is what its next command needs');
    if (!this.feed.stalled) return;
    this.feed.resume();
    this.afterRequests();
  }

  /** That shared connection is gone, whether it is attached or not. */
  detachShared(line: SharedLine): void {
    this.moves = 0;
    if (this.place === Place.SHARED && this.line === line) this.leave();
  }

  /** Takes the upstream connection from it. Nothing may be owed. */
  detach(): void {
    this.guarded(() => {
      invariant(this.idle, 'a client leaves its connection when nothing is owed to it');
      this.leave();
    });
  }

  /** Takes no further command, but for those of a transaction that has begun. */
  drain(): void {
    this.draining = true;
  }

  /** The client's next bytes, lent until this returns. */
  fromClient(chunk: Uint8Array): void {
    if (this.fault !== undefined) return;
    try {
      const wasStalled = this.feed.stalled;
      this.feed.receive(chunk);
      if (!wasStalled) this.afterRequests();
    } catch (error) {
      this.end(error);
    }
  }

  /**
   * The client sends no more. A blocked client may well be gone, and only the server can end the wait: whatever is
   * held must not keep it from being told, so it goes up as it is, like all that comes behind.
   */
  clientEnded(): void {
    if (!this.feed.stalled || !this.blocked) return;
    this.guarded(() => {
      this.wants = Place.NOWHERE;
      this.connection.goRaw();
      this.feed.resume();
      this.afterRequests();
    });
  }

  /** The server's next bytes, lent until this returns. */
  fromUpstream(chunk: Uint8Array): void {
    this.connection.replies.receive(chunk);
    this.received(chunk.length);
  }

  takeShared(buf: Uint8Array, at: number, end: number, most: number): number {
    const behind = this.connection.replies.receive(buf, at, end, most);
    this.received(behind - at);
    return behind;
  }

  cutShared(): void {
    this.connection.replies.abandon();
  }

  failShared(count: number, error: Uint8Array): void {
    this.guarded(() => {
      this.moves = 0;
      this.leave();
      const { pooling } = this.context;
      const lost = this.connection.replies.fail(count, error);
      if (pooling !== undefined) pooling.commandsLost += lost;
      this.answered();
    });
  }

  private leave(): void {
    this.upstream.switchTo(NOWHERE);
    this.place = Place.NOWHERE;
    this.line = undefined;
    this.connection.replies.attach();
  }

  private received(bytes: number): void {
    const { broken } = this.connection.replies;
    // Only replies were misunderstood: all that went up is whole, and its replies are owed.
    if (broken !== undefined) this.fault ??= broken;
    if (this.fault !== undefined) return;
    try {
      this.weigh(bytes);
      this.answered();
    } catch (error) {
      this.end(error);
    }
  }

  private guarded(work: () => void): void {
    if (this.fault !== undefined) return;
    try {
      work();
    } catch (error) {
      this.end(error);
    }
  }

  private end(error: unknown): void {
    this.fault ??= error;
    this.wants = Place.NOWHERE;
    this.spoilsShared = this.place === Place.SHARED;
    this.connection.replies.broken ??= error;
    this.connection.replies.abandon();
  }

  private weigh(bytes: number): void {
    const { hold, replies } = this.connection;
    hold?.weigh(bytes, replies.taken, replies.idle && !this.feed.stalled);
  }

  private answered(): void {
    const { replies } = this.connection;
    if (replies.raw) this.feed.raw = true;
    this.growth.settle();
    this.reliefs.settle();
    if (this.sampleReply >= 0 && replies.queue.popped >= this.sampleReply) {
      this.context.policy.observer.onLatency(this.context.clock() - this.sampledAt);
      this.sampleReply = -1;
    }
    if (this.wants === Place.NOWHERE && !this.closed && this.feed.stalled && (replies.idle || replies.raw)) {
      this.feed.resume();
      this.afterRequests();
    }
  }

  /** The connection is gone: nothing of it counts as under way any more. */
  close(): void {
    this.closed = true;
    this.connection.replies.abandon();
    // Whatever ended it, a fault too: what was under way for it must not count for ever.
    for (const part of [this.growth, this.reliefs]) {
      try {
        part.close();
      } catch (error) {
        this.fault ??= error;
      }
    }
  }

  command(): Flow {
    const { args } = this.feed;
    if (this.connection.replies.queue.runs >= this.context.pendingRuns || this.drained) return this.wait();
    const found = this.context.table.find(args.buf, args.starts[0], args.ends[0]);
    if (this.pooled) {
      if (this.refusesUnmoved(found)) return Flow.TAKEN;
      if (!this.isPlaced(found)) return this.wait();
      this.moves = 0;
    }
    const spec = this.understood(found);
    if (spec !== undefined && spec.role !== ConnectionRole.NONE && this.waitsToBeUnderstood(spec.role)) {
      return this.wait();
    }
    if (this.pooled && this.place === Place.OWN && (spec !== undefined || found === undefined)) {
      this.connection.note(spec);
    }
    if (spec === undefined) this.connection.forwarded(Pending.OPAQUE);
    else if (!spec.governed) this.ungoverned(spec);
    else if (!this.govern(spec)) return this.wait();
    if (spec?.blocking) this.blockingReply = this.connection.replies.queue.pushed;
    this.context.counters.commands++;
    return Flow.TAKEN;
  }

  /** Does with the write under scan what the policy says. Returns false if a reply must tell first. */
  private govern(spec: CommandSpec): boolean {
    const { args } = this.feed;
    const verdict = this.decide(spec, args.next - args.start);
    if (verdict.action !== Action.SHED) {
      this.writes.forward(spec, verdict);
      return true;
    }
    const mayRefuse = this.connection.mayRefuse();
    if (mayRefuse) this.writes.shed(spec, verdict);
    else if (mayRefuse === false) this.connection.forwarded();
    return mayRefuse !== undefined;
  }

  empty(): void {
    this.connection.empty();
  }

  mayBeTooMany(argc: number): boolean {
    return argc > MOST_ARGUMENTS || (argc > MOST_ARGUMENTS_UNAUTHENTICATED && !this.authenticated);
  }

  large(held: number): Flow {
    if (this.drained || !this.getsOwn('large-value')) return this.wait();
    this.moves = 0;
    const { args } = this.feed;
    this.largeSpec = args.parsed > 0 ? this.largeUnderstood() : undefined;
    if (this.largeSpec !== undefined && this.waitsToLogIn(this.largeSpec.role)) return this.wait();
    if (!this.largeSpec?.governed) return Flow.TAKEN;
    const size = held + args.missing(args.start + held);
    let verdict = this.decide(this.largeSpec, size);
    if (verdict.action === Action.UNDECIDED) {
      if (size <= this.lookahead && this.authenticated) return Flow.HOLD;
      verdict = this.context.policy.settle(args, this.largeSpec, this.followUps);
    }
    if (verdict.action === Action.SHED) {
      const mayRefuse = this.connection.mayRefuse();
      if (mayRefuse === undefined) return this.wait();
      if (!mayRefuse) return Flow.TAKEN;
    }
    this.largeWrite = this.writes.beginLarge(this.largeSpec, verdict, size, this.followUps);
    return Flow.TAKEN;
  }

  argument(index: number): void {
    // A command that began to stream before its name was here is not governed, but its replies still count.
    if (index === 0) this.largeSpec = this.largeUnderstood();
    if (this.largeWrite !== undefined) this.writes.largeArgument(this.largeWrite, index);
  }

  largeEnd(): void {
    const { largeWrite, largeSpec } = this;
    this.largeWrite = undefined;
    this.largeSpec = undefined;
    this.connection.note(largeSpec);
    if (largeWrite !== undefined) this.writes.endLarge(largeWrite);
    else if (largeSpec !== undefined) this.ungoverned(largeSpec);
    else this.connection.forwarded(Pending.OPAQUE);
    this.context.counters.commands++;
  }

  malformed(): Flow {
    if (!this.getsOwn('malformed')) return this.wait();
    this.connection.goRaw();
    return Flow.TAKEN;
  }

  /**
   * Refuses the command under scan where it stands, if only for that the client would move to another shared connection:
   * that would cost a pipeline of reads and refused writes a round trip for each.
   */
  private refusesUnmoved(spec: CommandSpec | undefined): boolean {
    if (spec === undefined || !this.context.policy.gate.active) return false;
    if (!spec.governed || spec.sharing !== Sharing.SHARED) return false;
    if (this.place !== Place.SHARED || this.onPausable || !this.authenticated) return false;
    const { args } = this.feed;
    if (!arityFits(spec.arity, args.argc)) return false;
    // Not kept for later: a client that moves may have others decided meanwhile, and the policy has one verdict for all.
    const verdict = this.decide(spec, args.next - args.start);
    if (verdict.action !== Action.SHED) return false;
    this.writes.shed(spec, verdict);
    this.moves = 0;
    this.context.counters.commands++;
    return true;
  }

  /** The session has what the command under scan needs to go up on; else `wants` says what. */
  private isPlaced(spec: CommandSpec | undefined): boolean {
    if (spec?.sharing !== Sharing.SHARED) return this.getsOwn(spec?.pin ?? 'unknown-command');
    // Held for good without a connection of its own: stopSharing().
    if (this.connection.hold?.lasting) return this.getsOwn('slow-reader');
    if (this.bulky) return this.getsOwn('large-reply');
    if (this.connection.hold?.isShut) return this.getsOwn('client-state');
    if (this.place === Place.OWN && (this.outgrown || this.staysOnOwn())) return true;
    return this.sharesFor(spec.pausable);
  }

  /**
   * The session shares a connection that suits the command under scan. It goes from one to another only when nothing is
   * owed to it: so a client's commands keep their order.
   */
  private sharesFor(pausable: boolean): boolean {
    const { replies } = this.connection;
    if (this.place !== Place.SHARED || this.line === undefined) return this.wantsShared(pausable);
    if (replies.idle) {
      if (this.switchboard === undefined) return this.onPausable === pausable || this.wantsShared(pausable);
      const line = this.switchboard(pausable);
      if (line === undefined) return this.wantsShared(pausable);
      if (this.connection.hold?.fits(line.allowance) === false) {
        this.outgrownAllowance = line.allowance;
        return this.getsOwn('large-reply');
      }
      this.onPausable = pausable;
      if (line === this.line) return true;
      this.switchTo(line, pausable);
      return true;
    }
    // Behind what it asked before a read may wait, since it would have to anyway; a write may not keep reads waiting.
    if (pausable && !this.onPausable) return false;
    const { queue } = replies;
    if (queue.pushed - queue.popped < this.window(this.line)) return true;
    if (this.context.pooling !== undefined) this.context.pooling.windowStalls++;
    return false;
  }

  private wantsShared(pausable: boolean): false {
    this.wants = Place.SHARED;
    this.wantsPausable = pausable;
    return false;
  }

  private window({ allowance }: SharedLine): number {
    return this.connection.hold?.window(allowance) ?? 1;
  }

  /**
   * The command under scan could do with a shared connection. It goes up the client's own one if the client is held
   * there, and also behind what has not been answered yet, but not for ever: a pipeline may never come to an end.
   */
  private staysOnOwn(): boolean {
    if (this.connection.held) {
      this.strayed = 0;
      return true;
    }
    if (this.connection.replies.idle) return false;
    if (this.strayed < MOST_STRAYED) {
      this.strayed++;
      return true;
    }
    if (this.context.pooling !== undefined) this.context.pooling.strayStalls++;
    return false;
  }

  private getsOwn(reason: PinReason): boolean {
    if (this.place === Place.OWN) return true;
    if (this.context.pooling !== undefined && this.wants !== Place.OWN) this.context.pooling.pins[reason]++;
    this.wants = Place.OWN;
    return false;
  }

  /** The command under scan, if it is known and has the arguments that it must have. */
  private understood(spec: CommandSpec | undefined): CommandSpec | undefined {
    const { args } = this.feed;
    if (spec === undefined || arityFits(spec.arity, args.argc)) return spec;
    if (spec.role === ConnectionRole.EXEC) this.connection.endMulti();
    return undefined;
  }

  private largeUnderstood(): CommandSpec | undefined {
    const { args } = this.feed;
    if (args.starts[0] < 0) return undefined;
    const spec = this.understood(this.context.table.find(args.buf, args.starts[0], args.ends[0]));
    // No question is so large: it has gone up, for the server to refuse.
    return spec?.role === ConnectionRole.CONSOLE ? undefined : spec;
  }

  /** Its next reply would be too large for the shared connection that it was offered last. */
  private get outgrown(): boolean {
    return this.connection.hold?.fits(this.outgrownAllowance) === false;
  }

  private get bulky(): boolean {
    return this.connection.hold?.bulky === true;
  }

  private get authenticated(): boolean {
    return this.connection.replies.upstream.auth === Auth.YES;
  }

  private get followUps(): boolean {
    return this.connection.followUps.possible;
  }

  private decide(spec: CommandSpec, size: number): Verdict {
    return this.context.policy.decide(this.feed.args, spec, size, this.followUps);
  }

  private get drained(): boolean {
    return this.draining && !this.connection.inMulti;
  }

  private ungoverned(spec: CommandSpec): void {
    if (spec.role === ConnectionRole.NONE) {
      if (spec.ttlChange !== TtlChange.NONE && !this.feed.args.streaming) this.writes.noteTtlChange(spec);
      this.connection.forwarded(spec.opaque ? Pending.OPAQUE : Pending.PASS);
    } else this.connection.command(spec);
    if (spec.eases) this.reliefs.forwarded(spec, this.feed.args, this.connection.inMulti);
    if (spec.role === ConnectionRole.CONSOLE) this.consoleReply = this.connection.replies.queue.pushed;
  }

  /** What the command means depends on a reply that is on its way. */
  private waitsToBeUnderstood(role: ConnectionRole): boolean {
    return this.waitsToLogIn(role) || this.waitsForMulti(role);
  }

  /** The MULTI before may have been refused: then this one begins the transaction, or is in none. */
  private waitsForMulti(role: ConnectionRole): boolean {
    const decided = role === ConnectionRole.MULTI || role === ConnectionRole.CONSOLE;
    return decided && this.connection.multiUnanswered;
  }

  /**
   * AUTH, or HELLO with it, behind what has not been answered. Redis from 7.2 on and Valkey before 9 say nothing of one
   * that fails while the server has yet to send an earlier reply (github.com/redis/redis/issues/15640): no reply behind it
   * would find its command. In a transaction it cannot be helped; see Connection.opaqueInMulti().
   */
  private waitsToLogIn(role: ConnectionRole): boolean {
    const may =
      role === ConnectionRole.AUTH || (role === ConnectionRole.HELLO && this.feed.args.argc > BARE_HELLO);
    return (
      may && !this.connection.replies.idle && (!this.connection.inMulti || this.connection.multiUnanswered)
    );
  }

  /** A blocking command has not been answered: how long that takes says nothing of the server. */
  private get blocked(): boolean {
    return this.connection.replies.queue.popped < this.blockingReply;
  }

  private wait(): Flow {
    this.feed.stall();
    return Flow.AGAIN;
  }

  private afterRequests(): void {
    const { queue } = this.connection.replies;
    if (this.largeWrite !== undefined) this.writes.largeProgress(this.largeWrite, this.feed.streamed);
    this.growth.mark();
    // Under CLIENT REPLY OFF nothing is owed and nothing will come that could tell.
    this.reliefs.settle();
    if (this.blocked || queue.popped < this.consoleReply) this.sampleReply = -1;
    else if (this.sampleReply < 0 && queue.pushed > queue.popped) {
      this.sampleReply = queue.pushed;
      this.sampledAt = this.context.clock();
    }
    if (this.feed.stalled) this.context.counters.stalls++;
    if (this.feed.raw && !this.wasRaw) {
      this.wasRaw = true;
      this.context.counters.raw++;
    }
  }
}
