// One client and its upstream connection, as a pure machine: bytes in, bytes out to two sinks. No socket, timer or clock.
// Wires its parts, each in a file of its own, and is the one face that its owner (the link) sees. It is long because the
// owner asks much of it: half of the file are one-line answers.
//
//   client bytes ─▶ RequestFeed ─▶ CommandRouter ─▶ WriteForwarder, ProtocolState ─▶ UpstreamWriter ─▶ upstream sink
//                                        │ Policy              │ pending replies
//   client sink ◀────────────────── ReplySequencer ◀──── PendingQueue                              ◀── upstream bytes
//
// With command pooling a session has an own upstream connection only while it needs one. Otherwise it uses a shared one, or
// none. It says what its next command `wants` (Placement) and stalls until the owner has attached that.
//
// The owner asks after each call (`wants`, `fault`, takeQuestion(), `idle` …); the session never calls back. A callback would
// come from the middle of a chunk, with lent bytes half scanned, where the owner may not attach, write or close: it could only
// set a flag to look at after the call. Most of these are states, not events: `wants` counts once the session is `idle`. So a
// listener would add code and a way to go wrong. rustls and quinn-proto are asked in the same way.
//
// A bug in Spillway ends the session, not the process. `fault` says what it was. From then on the session takes
// nothing from the client and sends it nothing; it still counts the client's replies on a shared connection.
//
// A stall holds the client's next command until all pending replies have come, for the few decisions that depend on a
// reply. Every stall ends, because each pending reply comes or the connection ends; that of a PROXY question also when
// its owner gives the question up.
import type { PinReason } from '../commands/spec.js';
import { invariant } from '../resp/invariant.js';
import { RequestScanner } from '../resp/request-scanner.js';
import { type ByteSink, NOWHERE } from './byte-sink.js';
import { Hold } from './pooling/hold.js';
import { type Identity, NOBODY } from './pooling/identity.js';
import { Place, Placement, type SharedUpstream, type Switchboard } from './pooling/placement.js';
import type { ReplyOwner } from './reply/reply-owner.js';
import { CommandRouter } from './request/command-router.js';
import { ConnectionCommands } from './request/connection-commands.js';
import { GrowthMeter } from './request/growth-meter.js';
import { Intake } from './request/intake.js';
import { KeyChanges } from './request/key-changes.js';
import { LatencySampler } from './request/latency-sampler.js';
import { ReliefWatch } from './request/relief-watch.js';
import { RequestFeed } from './request/request-feed.js';
import { UpstreamWriter } from './request/upstream-writer.js';
import { WriteForwarder } from './request/write-forwarder.js';
import type { SessionContext } from './session-context.js';
import type { ConsoleQuestion } from './state/console-question.js';
import { ProtocolState } from './state/protocol-state.js';
import { QuestionEnd } from './state/question-end.js';

export class Session implements ReplyOwner {
  /** A bug in Spillway: the owner must end the client. */
  fault: unknown;
  /** The shared connection may have got half a command, or a command whose reply nobody waits for: it must be closed. */
  spoilsShared = false;
  private readonly args = new RequestScanner();
  private readonly intake = new Intake();
  private readonly feed: RequestFeed;
  private readonly router: CommandRouter;
  private readonly questionEnd: QuestionEnd;
  private readonly protocol: ProtocolState;
  private readonly upstream: UpstreamWriter;
  /** Command pooling only. */
  private readonly placement: Placement | undefined;
  private readonly latency: LatencySampler;
  private readonly growth: GrowthMeter;
  private readonly reliefs: ReliefWatch;
  private wasRaw = false;
  private closed = false;

  constructor(
    private readonly context: SessionContext,
    client: ByteSink,
    /** Its own upstream connection, for good; undefined: command pooling, the owner attaches one. */
    own?: ByteSink,
    /** The owner of its replies on shared connections (itself, or its seat), and the source of these connections. */
    owner?: ReplyOwner,
    switchboard?: Switchboard,
  ) {
    const { policy, pooling, clock } = context;
    const hold = new Hold(own === undefined);
    const { args, intake } = this;
    const upstream = new UpstreamWriter(own ?? NOWHERE, args);
    this.upstream = upstream;
    const protocol = new ProtocolState(upstream, client, args, intake, policy, context, hold);
    this.protocol = protocol;
    if (hold.isPooled) {
      this.placement = new Placement(hold, protocol, pooling, owner ?? this, switchboard);
    }
    const { placement } = this;
    const { queue } = protocol.replies;
    const latency = new LatencySampler(queue, policy.observer, clock);
    const growth = new GrowthMeter(policy.gate, queue);
    const reliefs = new ReliefWatch(policy.gate, queue);
    const connection = new ConnectionCommands(protocol, upstream, args, intake);
    const changes = new KeyChanges(upstream, args, protocol, policy);
    const writes = new WriteForwarder(upstream, args, protocol, growth, policy, changes);
    this.latency = latency;
    this.growth = growth;
    this.reliefs = reliefs;
    this.router = new CommandRouter(context, {
      ...{ args, intake, upstream, protocol, connection, placement, writes, changes, latency, reliefs },
    });
    this.questionEnd = new QuestionEnd(protocol, this.router);
    this.feed = new RequestFeed(args, intake, upstream, this.router, context.memory);
  }

  /** fromClient() only holds the bytes, until a reply has come. */
  get stalled(): boolean {
    return this.intake.stalled;
  }

  get heldBytes(): number {
    return this.feed.heldBytes;
  }

  /** Whether no reply is due or half delivered, no command has gone up in part, and no transaction is open. */
  get idle(): boolean {
    const { replies } = this.protocol;
    return replies.idle && replies.between && !this.args.midStream && !this.protocol.inMulti;
  }

  /** During a drain: whether nothing is under way, and no held command will go up. */
  get isDrained(): boolean {
    return this.idle && !this.router.stops.owesSilenced;
  }

  /** Whether commands may be under way without a pending reply: after CLIENT REPLY OFF, or in a pipe. */
  get unanswered(): boolean {
    return this.protocol.unanswered;
  }

  /** Whether the client has sent QUIT. */
  get quits(): boolean {
    return this.protocol.quits;
  }

  /**
   * Whether a silent client may be closed: no reply is due, and it is not subscribed or a pipe (as in clientsCronHandleTimeout,
   * timeout.c: not blocked, not subscribed, no MONITOR, no replica).
   */
  get mayTimeOut(): boolean {
    const { replies } = this.protocol;
    return replies.idle && !this.intake.stalled && !replies.upstream.subscribed && !replies.raw;
  }

  /** The name that the client gave itself; '': none. */
  get clientName(): string {
    return this.protocol.name;
  }

  /**
   * The connection that the next command needs and the session does not have. Attach it once the session is `idle`. NOWHERE:
   * none.
   */
  get wants(): Place {
    return this.placement?.wants ?? Place.NOWHERE;
  }

  /** Whether `wants` is for a command that the server may delay. */
  get wantsPausable(): boolean {
    return this.placement?.wantsPausable === true;
  }

  /** The client's identity (command pooling). */
  get identity(): Identity {
    return this.placement?.hold.identity ?? NOBODY;
  }

  /** The client's identity after the login or RESET that `wants` a connection; undefined: the command is neither. */
  get nextIdentity(): Identity | undefined {
    return this.placement?.hold.next;
  }

  /** Whether it has an own connection and no longer needs it. */
  get mayRelease(): boolean {
    return this.mayRest && this.placement?.mayShare === true;
  }

  /** Whether it has an own connection with nothing under way: its next command may use another own one. */
  get mayRest(): boolean {
    return this.placement?.isOwn === true && this.idle && !this.protocol.held;
  }

  /** Whether something that went up has no answer yet, or only part of one. */
  get owes(): boolean {
    const { replies } = this.protocol;
    return !replies.idle || !replies.between || this.upstream.midCommand;
  }

  get hasOwnUpstream(): boolean {
    return this.placement === undefined || this.placement.isOwn;
  }

  /** The client reads too slowly to share: it gets an own connection, for good. */
  stopSharing(): void {
    this.placement?.hold.holdForGood();
  }

  /** See Placement. */
  keepOwn(reason: PinReason): void {
    this.placement?.keepOwn(reason);
  }

  /** Its own connection has other rights than the client: the owner must end the client. */
  get hasOtherRights(): boolean {
    return this.protocol.hasOtherRights;
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

  /** The client's next PROXY question; each is returned once. answer() answers it. */
  takeQuestion(): ConsoleQuestion | undefined {
    return this.protocol.console.take();
  }

  /** Answers a question that takeQuestion() returned, with complete replies. */
  answer({ number }: ConsoleQuestion, reply: Uint8Array): void {
    this.guarded(() => {
      this.protocol.replies.giveAnswer(number, reply);
      this.answered();
    });
  }

  /** The number of the PROXY question that waits for the server; 0: none. A question that waits anew has a new number. */
  get waitingQuestion(): number {
    return this.protocol.console.waits;
  }

  /**
   * The question has waited too long: the client gets an error, at its place among the replies. While another reply is due before
   * it, nothing happens.
   */
  giveUpQuestion(): void {
    this.guarded(() => {
      if (this.questionEnd.giveUp() && this.intake.stalled && !this.closed) this.resume();
    });
  }

  get taken(): number {
    return this.protocol.replies.taken;
  }

  /**
   * Session pooling: sets its own connection, which did not exist when the session was made. Nothing may have gone up; see
   * pause().
   */
  connect(own: ByteSink): void {
    this.upstream.switchTo(own);
  }

  /**
   * Attaches an own upstream connection: a `fresh` one, made as the client or `asNext` (see nextIdentity), or one that it had
   * before. The session must be idle.
   */
  attach(upstream: ByteSink, fresh: boolean, asNext = false): void {
    this.move((placement) => placement.attachOwn(upstream, fresh, asNext));
  }

  /**
   * No connection could be made with the login that waits for one (see nextIdentity): the client gets the server's words, an
   * error reply, and keeps the rights that it has. The session must be idle.
   */
  refuseLogin(words: Uint8Array): void {
    this.guarded(() => {
      invariant(
        this.idle && this.nextIdentity !== undefined,
        'a login is refused that waits for a connection',
      );
      this.router.refuse(words);
      this.goOn();
    });
  }

  /** Attaches the shared connection that it wants. The session must be idle. */
  attachShared(shared: SharedUpstream): void {
    this.move((placement) => placement.attachShared(shared));
  }

  private move(to: (placement: Placement) => void): void {
    this.guarded(() => {
      invariant(this.idle, 'a client changes its connection when no reply is due to it');
      invariant(this.placement !== undefined, 'only a client that shares changes its connection');
      to(this.placement);
      if (this.intake.stalled) this.resume();
    });
  }

  /** A shared connection is lost; it may or may not be attached. */
  detachShared(shared: SharedUpstream): void {
    // Also for a client that failed: nothing of it may stay on that connection.
    try {
      this.placement?.lost(shared);
    } catch (error) {
      this.end(error);
    }
  }

  /** Detaches the upstream connection. The session must be idle. */
  detach(): void {
    this.guarded(() => {
      invariant(this.idle, 'a client leaves its connection when no reply is due to it');
      this.placement?.leave();
    });
  }

  /** Takes no further command, except those of an open transaction, and held ones that get no reply. */
  drain(): void {
    this.router.stops.drain();
  }

  /**
   * Takes no new command until unpause(): what the client sends is held, replies come on. A command that streams may go on to
   * its end and an open transaction to its EXEC, unless `all` must stop. May be called again, to stop all.
   */
  pause(all = false): void {
    this.intake.paused = true;
    this.router.stops.pause(all);
    if (all || this.intake.raw) this.intake.stall();
  }

  /** Takes commands again, the held ones first. */
  unpause(): void {
    this.intake.paused = false;
    this.router.stops.unpause();
    this.guarded(() => this.goOn());
  }

  /** The client's next bytes, valid only until this returns. */
  fromClient(chunk: Uint8Array): void {
    if (this.fault !== undefined) return;
    try {
      const wasStalled = this.intake.stalled;
      this.feed.receive(chunk);
      if (!wasStalled) this.afterRequests();
    } catch (error) {
      this.end(error);
    }
  }

  /**
   * The client sends no more. If it is blocked, it may be gone, and only the server can end the wait. So that the server learns
   * of the end, held commands go up as they are, and the connection becomes a pipe. In a pause held commands are dropped: a
   * client that gave up waiting sends them again elsewhere.
   */
  clientEnded(): void {
    if (this.intake.paused) {
      this.placement?.wantsNothing();
      this.feed.forget();
      return;
    }
    if (!this.intake.stalled || !this.latency.blocked) return;
    this.guarded(() => {
      this.placement?.wantsNothing();
      this.protocol.goRaw();
      this.resume();
    });
  }

  /** The server's next bytes, valid only until this returns. */
  fromUpstream(chunk: Uint8Array): void {
    this.protocol.replies.receive(chunk);
    this.received(chunk.length);
  }

  takeShared(buf: Uint8Array, at: number, end: number, most: number): number {
    const behind = this.protocol.replies.receive(buf, at, end, most);
    this.received(behind - at);
    return behind;
  }

  cutShared(): void {
    this.protocol.replies.abandon();
  }

  failShared(count: number, error: Uint8Array): void {
    this.guarded(() => {
      this.placement?.lostShared();
      const { pooling } = this.context;
      const lost = this.protocol.replies.fail(count, error);
      if (pooling !== undefined) pooling.commandsLost += lost;
      this.answered();
    });
  }

  private received(bytes: number): void {
    const { broken } = this.protocol.replies;
    // Only replies were misread: all commands that went up are whole, and their replies are counted.
    if (broken !== undefined) this.fault ??= broken;
    if (this.fault !== undefined) return;
    try {
      const { replies } = this.protocol;
      const { placement } = this;
      placement?.weight.weigh(bytes, replies.taken, replies.idle && !this.intake.stalled);
      if (this.protocol.proof.isOnTrial && replies.idle) placement?.endTrial();
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
    this.protocol.replies.broken ??= error;
    this.protocol.replies.abandon();
    this.upstream.abandon();
  }

  private answered(): void {
    const { replies, console } = this.protocol;
    if (replies.raw && !this.intake.raw) this.intake.goRaw();
    if (console.waits !== 0 && (replies.idle || replies.raw)) console.settle();
    this.growth.settle();
    this.reliefs.settle();
    this.latency.settle();
    this.goOn();
  }

  /** Continues with the held bytes, unless something else must be waited for. */
  private goOn(): void {
    const { replies } = this.protocol;
    if (
      this.intake.stalled &&
      this.wants === Place.NOWHERE &&
      !this.closed &&
      (replies.idle || replies.raw) &&
      !this.router.stops.forbidsRest
    ) {
      this.resume();
    }
  }

  private resume(): void {
    this.protocol.console.resumed();
    this.feed.resume();
    this.router.resumed();
    this.afterRequests();
  }

  /** The client is gone: nothing of it counts as under way any longer. */
  close(): void {
    this.closed = true;
    this.protocol.replies.abandon();
    // Also after a bug: what was under way must not count for ever.
    for (const part of [this.growth, this.reliefs, this.feed]) {
      try {
        part.close();
      } catch (error) {
        this.fault ??= error;
      }
    }
  }

  private afterRequests(): void {
    this.router.progressed(this.feed.streamed);
    this.growth.mark();
    // Under CLIENT REPLY OFF no reply will settle them.
    this.reliefs.settle();
    this.latency.begin();
    if (this.intake.stalled) this.context.counters.stalls++;
    if (this.intake.raw && !this.wasRaw) {
      this.wasRaw = true;
      this.context.counters.raw++;
    }
  }
}
