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
import { arityFits, type CommandSpec, ConnectionRole, Sharing, TtlChange } from '../commands/spec.js';
import { Action, type Verdict } from '../policy/verdict.js';
import { invariant } from '../resp/invariant.js';
import { RequestScanner } from '../resp/request-scanner.js';
import { type ByteSink, NOWHERE } from './byte-sink.js';
import { Hold } from './pooling/hold.js';
import { type Identity, NOBODY } from './pooling/identity.js';
import { Place, Placement, type SharedLine, type Switchboard } from './pooling/placement.js';
import { Pending } from './reply/pending-kind.js';
import type { ReplyOwner } from './reply/reply-owner.js';
import { Auth } from './reply/upstream-state.js';
import { GrowthMeter } from './request/growth-meter.js';
import type { LargeWrite } from './request/large-write.js';
import { LatencySampler } from './request/latency-sampler.js';
import { ReliefWatch } from './request/relief-watch.js';
import { type CommandHandler, Flow, RequestFeed } from './request/request-feed.js';
import { UpstreamWriter } from './request/upstream-writer.js';
import { WriteForwarder } from './request/write-forwarder.js';
import type { SessionContext } from './session-context.js';
import { Connection } from './state/connection.js';
import type { ConsoleQuestion } from './state/console-question.js';

/** Redis 7 refuses more arguments before authentication (networking.c), and before 7.0 more at any time. */
const MOST_ARGUMENTS_UNAUTHENTICATED = 10;
const MOST_ARGUMENTS = 1024 * 1024;
/** Words of a HELLO that logs nobody in: with the version. */
const BARE_HELLO = 2;

export class Session implements CommandHandler, ReplyOwner {
  /** Nothing right can be done for the client any more: it is to be ended. */
  fault: unknown;
  /** What has gone up by the shared connection since may be half a command, or one whose reply nobody waits for. */
  spoilsShared = false;
  private readonly upstream: UpstreamWriter;
  private readonly feed: RequestFeed;
  private readonly connection: Connection;
  /** Command pooling only. */
  private readonly placement: Placement | undefined;
  private readonly latency: LatencySampler;
  private readonly writes: WriteForwarder;
  private readonly growth: GrowthMeter;
  private readonly reliefs: ReliefWatch;
  /** The large command under way, if it is a write that the policy has a say in. */
  private largeWrite: LargeWrite | undefined;
  private largeSpec: CommandSpec | undefined;
  private wasRaw = false;
  private closed = false;
  private draining = false;

  constructor(
    private readonly context: SessionContext,
    client: ByteSink,
    /** Its own upstream connection, for good; undefined: pooled, attach() gives one. */
    own?: ByteSink,
    /** Who gets its replies on shared connections, and where it finds these. */
    owner?: ReplyOwner,
    switchboard?: Switchboard,
  ) {
    const { policy, pooling, clock } = context;
    const hold = own === undefined ? new Hold() : undefined;
    const args = new RequestScanner();
    this.upstream = new UpstreamWriter(own ?? NOWHERE, args);
    this.feed = new RequestFeed(args, this.upstream, this);
    this.connection = new Connection(this.upstream, client, this.feed, policy.observer, context, hold);
    if (hold !== undefined) {
      this.placement = new Placement(hold, this.connection, pooling, owner ?? this, switchboard);
    }
    const { queue } = this.connection.replies;
    this.latency = new LatencySampler(queue, policy.observer, clock);
    this.growth = new GrowthMeter(policy.gate, queue);
    this.reliefs = new ReliefWatch(policy.gate, queue);
    this.writes = new WriteForwarder(this.upstream, this.feed, this.connection, this.growth, policy);
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

  /** What the client's next command needs and the session has not: attach it. NOWHERE: nothing. */
  get wants(): Place {
    return this.placement?.wants ?? Place.NOWHERE;
  }

  /** What it wants SHARED is for a command that the server may put off. */
  get wantsPausable(): boolean {
    return this.placement?.wantsPausable === true;
  }

  /** Who the client is by now, and how it speaks (command pooling). */
  get identity(): Identity {
    return this.placement?.hold.identity ?? NOBODY;
  }

  /** It has a connection of its own and no need of it any more. */
  get mayRelease(): boolean {
    return this.mayRest && this.placement?.mayShare === true;
  }

  /** It has a connection of its own and nothing on it: its next command may go up another one of its own. */
  get mayRest(): boolean {
    return this.placement?.isOwn === true && this.idle && !this.connection.held;
  }

  get hasOwnUpstream(): boolean {
    return this.placement === undefined || this.placement.isOwn;
  }

  /** The client reads too slowly to share: it gets a connection of its own, for good. */
  stopSharing(): void {
    this.placement?.hold.holdForGood();
  }

  /** There is no room for the shared connection that it wants: it gets one of its own, for good. */
  keepOwn(): void {
    this.placement?.keepOwn();
  }

  /** Its own connection has other rights than it must have: it is to be ended. */
  get hasOtherRights(): boolean {
    return this.connection.hasOtherRights;
  }

  /** See Placement. */
  get isLetIn(): boolean {
    return this.placement?.isLetIn === true;
  }

  /** See Placement. */
  get isNew(): boolean {
    return this.placement?.isNew === true;
  }

  /** See Placement. */
  vouched(open: boolean): void {
    this.placement?.vouched(open);
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
    this.move((placement) => placement.attachOwn(upstream));
  }

  /** Gives it the shared connection that it wants. Nothing may be owed. */
  attachShared(line: SharedLine): void {
    this.move((placement) => placement.attachShared(line));
  }

  private move(to: (placement: Placement) => void): void {
    this.guarded(() => {
      invariant(this.idle, 'a client takes another connection when nothing is owed to it');
      invariant(this.placement !== undefined, 'only a client that shares takes another connection');
      to(this.placement);
      if (!this.feed.stalled) return;
      this.feed.resume();
      this.afterRequests();
    });
  }

  /** That shared connection is gone, whether it is attached or not. */
  detachShared(line: SharedLine): void {
    // Of a client that failed, too: nothing of it may stay on that connection.
    try {
      this.placement?.lost(line);
    } catch (error) {
      this.end(error);
    }
  }

  /** Takes the upstream connection from it. Nothing may be owed. */
  detach(): void {
    this.guarded(() => {
      invariant(this.idle, 'a client leaves its connection when nothing is owed to it');
      this.placement?.leave();
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
    if (!this.feed.stalled || !this.latency.blocked) return;
    this.guarded(() => {
      this.placement?.wantsNothing();
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
      this.placement?.lostShared();
      const { pooling } = this.context;
      const lost = this.connection.replies.fail(count, error);
      if (pooling !== undefined) pooling.commandsLost += lost;
      this.answered();
    });
  }

  private received(bytes: number): void {
    const { broken } = this.connection.replies;
    // Only replies were misunderstood: all that went up is whole, and its replies are owed.
    if (broken !== undefined) this.fault ??= broken;
    if (this.fault !== undefined) return;
    try {
      const { replies } = this.connection;
      this.placement?.hold.weigh(bytes, replies.taken, replies.idle && !this.feed.stalled);
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
    this.placement?.wantsNothing();
    this.spoilsShared = this.placement?.isShared === true;
    this.connection.replies.broken ??= error;
    this.connection.replies.abandon();
  }

  private answered(): void {
    const { replies } = this.connection;
    if (replies.raw) this.feed.raw = true;
    this.growth.settle();
    this.reliefs.settle();
    this.latency.settle();
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
    const { placement } = this;
    if (placement !== undefined) {
      if (placement.movesForWrites && this.refuses(found)) return Flow.TAKEN;
      if (!placement.suits(found)) return this.wait();
      placement.taken();
    }
    const spec = this.understood(found);
    if (spec !== undefined && spec.role !== ConnectionRole.NONE && this.waitsToBeUnderstood(spec.role)) {
      return this.wait();
    }
    if (placement?.isOwn && (spec !== undefined || found === undefined)) this.connection.note(spec);
    if (spec === undefined) this.connection.forwarded(Pending.OPAQUE);
    else if (!spec.governed) this.ungoverned(spec);
    else if (!this.govern(spec)) return this.wait();
    if (spec?.blocking) this.latency.blocks();
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
    if (this.drained || this.placement?.getsOwn('large-value') === false) return this.wait();
    this.placement?.taken();
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
    if (this.placement?.getsOwn('malformed') === false) return this.wait();
    this.connection.goRaw();
    return Flow.TAKEN;
  }

  /**
   * Refuses the command under scan where the client stands, if only for that it would move to another shared connection:
   * that would cost a pipeline of reads and refused writes a round trip for each.
   */
  private refuses(spec: CommandSpec | undefined): boolean {
    if (spec === undefined || !this.context.policy.gate.active || !this.authenticated) return false;
    const { args } = this.feed;
    if (!spec.governed || spec.sharing !== Sharing.SHARED || !arityFits(spec.arity, args.argc)) return false;
    // Not kept for later: a client that moves may have others decided meanwhile, and the policy has one verdict for all.
    const verdict = this.decide(spec, args.next - args.start);
    if (verdict.action !== Action.SHED) return false;
    this.writes.shed(spec, verdict);
    this.placement?.taken();
    this.context.counters.commands++;
    return true;
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
    if (spec.role === ConnectionRole.CONSOLE) this.latency.asks();
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

  private wait(): Flow {
    this.feed.stall();
    return Flow.AGAIN;
  }

  private afterRequests(): void {
    if (this.largeWrite !== undefined) this.writes.largeProgress(this.largeWrite, this.feed.streamed);
    this.growth.mark();
    // Under CLIENT REPLY OFF nothing is owed and nothing will come that could tell.
    this.reliefs.settle();
    this.latency.begin();
    if (this.feed.stalled) this.context.counters.stalls++;
    if (this.feed.raw && !this.wasRaw) {
      this.wasRaw = true;
      this.context.counters.raw++;
    }
  }
}
