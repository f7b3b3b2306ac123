// One client and its own upstream connection as a pure machine: bytes in, bytes out by two sinks.
// No socket, timer or clock of its own. Joins the request half (RequestFeed) and the reply half (ReplySequencer)
// and does to each write what the policy says; what a command does to its connection is in connection.ts.
//
//   client bytes ─▶ RequestFeed ─▶ command() ─▶ Policy ─▶ upstream sink
//                                      │ owes
//   client sink ◀─ ReplySequencer ◀── PendingQueue ◀──── upstream bytes
//
// A stall holds the client's next command until everything asked so far is answered: the few decisions that
// depend on a reply wait for it. Every stall ends by itself, since each reply owed comes or the connection ends.
import { arityFits, type CommandSpec, ConnectionRole } from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import type { Policy } from '../policy/policy.js';
import { Action, type Verdict } from '../policy/verdict.js';
import type { ByteSink } from './byte-sink.js';
import { Connection } from './connection.js';
import { GrowthMeter } from './growth-meter.js';
import type { LargeWrite } from './large-write.js';
import { Auth } from './reply-sequencer.js';
import { type CommandHandler, Flow, RequestFeed } from './request-feed.js';
import { WriteForwarder } from './write-forwarder.js';

/** What all sessions share. The mutable fields may be swapped at any time between two chunks of bytes. */
export interface SessionContext {
  table: CommandTable;
  readonly policy: Policy;
  /** The server knows PEXPIRE … NX (7.0): follow-ups can be sent. */
  followUps: boolean;
  /** How many bytes of a multi-key write may be held back until its keys are known. */
  readonly lookaheadBytes: number;
  /** How many runs of pending replies a session may have before it stops reading its client. */
  readonly pendingRuns: number;
  /** Monotonic milliseconds, for latency samples. */
  readonly clock: () => number;
  readonly counters: SessionCounters;
}

/** Counted over all sessions. */
export interface SessionCounters {
  commands: number;
  /** Times a client's next command had to wait for a reply. */
  stalls: number;
  /** Sessions that turned to passing bytes unread. */
  raw: number;
}

/** Redis 7 refuses more arguments before authentication (networking.c), and before 7.0 more at any time. */
const MOST_ARGUMENTS_UNAUTHENTICATED = 10;
const MOST_ARGUMENTS = 1024 * 1024;

export class Session implements CommandHandler {
  private readonly feed: RequestFeed;
  private readonly connection: Connection;
  private readonly writes: WriteForwarder;
  private readonly growth: GrowthMeter;
  /** The large command under way, if it is a write that the policy has a say in. */
  private largeWrite: LargeWrite | undefined;
  private largeSpec: CommandSpec | undefined;
  /** The latency sample under way: the number of the reply it waits for (-1: none), and since when. */
  private sampleReply = -1;
  private sampledAt = 0;
  /** The number of the reply to the last blocking command. */
  private blockingReply = 0;
  private wasRaw = false;
  private draining = false;

  constructor(
    private readonly context: SessionContext,
    upstream: ByteSink,
    client: ByteSink,
  ) {
    this.feed = new RequestFeed(upstream, this);
    this.connection = new Connection(upstream, client, this.feed, context.policy.observer);
    this.growth = new GrowthMeter(context.policy.gate, this.connection.replies.queue);
    this.writes = new WriteForwarder(upstream, this.feed, this.connection, this.growth, context.policy);
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

  /** Nothing is owed to the client, and no command or transaction of it has begun on the server. */
  get idle(): boolean {
    return this.connection.replies.idle && !this.feed.streaming && !this.connection.inMulti;
  }

  /**
   * A client that is silent may be closed: it waits for nothing, and what it does is understood (as in
   * clientsCronHandleTimeout, timeout.c: not blocked, not subscribed, no MONITOR, no replica).
   */
  get mayTimeOut(): boolean {
    const { replies } = this.connection;
    return replies.idle && !replies.subscribed && !replies.raw;
  }

  /** Takes no further command, but for those of a transaction that has begun. */
  drain(): void {
    this.draining = true;
  }

  /** The client's next bytes; they must not change afterwards. */
  fromClient(chunk: Uint8Array): void {
    const wasStalled = this.feed.stalled;
    this.feed.receive(chunk);
    if (!wasStalled) this.afterRequests();
  }

  /**
   * The client sends no more. A blocked client may well be gone, and only the server can end the wait: whatever is
   * held must not keep it from being told, so it goes up as it is, like all that comes behind.
   */
  clientEnded(): void {
    if (!this.feed.stalled || !this.blocked) return;
    this.connection.goRaw();
    this.feed.resume();
    this.afterRequests();
  }

  /** The server's next bytes; they must not change afterwards. */
  fromUpstream(chunk: Uint8Array): void {
    const { replies } = this.connection;
    replies.receive(chunk);
    if (replies.raw) this.feed.raw = true;
    this.growth.settle();
    if (this.sampleReply >= 0 && replies.queue.popped >= this.sampleReply) {
      this.context.policy.observer.onLatency(this.context.clock() - this.sampledAt);
      this.sampleReply = -1;
    }
    if (this.feed.stalled && (replies.idle || replies.raw)) {
      this.feed.resume();
      this.afterRequests();
    }
  }

  /** The connection is gone: nothing of it counts as under way any more. */
  close(): void {
    this.growth.close();
  }

  command(): Flow {
    const { args } = this.feed;
    if (this.connection.replies.queue.runs >= this.context.pendingRuns || this.drained) return this.wait();
    const spec = this.understood();
    if (spec === undefined) {
      this.connection.forwarded();
    } else if (spec.governed) {
      const verdict = this.decide(spec, args.next - args.start);
      if (verdict.action !== Action.SHED) this.writes.forward(spec, verdict);
      else {
        const mayRefuse = this.connection.mayRefuse();
        if (mayRefuse === undefined) return this.wait();
        if (mayRefuse) this.writes.shed(spec, verdict);
        else this.connection.forwarded();
      }
    } else {
      this.ungoverned(spec);
    }
    if (spec?.blocking) this.blockingReply = this.connection.replies.queue.pushed;
    this.context.counters.commands++;
    return Flow.TAKEN;
  }

  empty(): void {
    this.connection.empty();
  }

  mayBeTooMany(argc: number): boolean {
    return argc > MOST_ARGUMENTS || (argc > MOST_ARGUMENTS_UNAUTHENTICATED && !this.authenticated);
  }

  large(held: number): Flow {
    if (this.drained) return this.wait();
    const { args } = this.feed;
    this.largeSpec = args.parsed > 0 ? this.largeUnderstood() : undefined;
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
    if (largeWrite !== undefined) this.writes.endLarge(largeWrite);
    else if (largeSpec !== undefined) this.ungoverned(largeSpec);
    else this.connection.forwarded();
    this.context.counters.commands++;
  }

  malformed(): void {
    this.connection.goRaw();
  }

  /** The command under scan, if it is known and has the arguments that it must have. */
  private understood(): CommandSpec | undefined {
    const { args } = this.feed;
    const spec = this.context.table.find(args.buf, args.starts[0], args.ends[0]);
    if (spec === undefined || arityFits(spec.arity, args.argc)) return spec;
    if (spec.role === ConnectionRole.EXEC) this.connection.endMulti();
    return undefined;
  }

  private largeUnderstood(): CommandSpec | undefined {
    return this.feed.args.starts[0] < 0 ? undefined : this.understood();
  }

  private get authenticated(): boolean {
    return this.connection.replies.auth === Auth.YES;
  }

  private get followUps(): boolean {
    return this.context.followUps && !this.connection.followUps.denied;
  }

  private decide(spec: CommandSpec, size: number): Verdict {
    return this.context.policy.decide(this.feed.args, spec, size, this.followUps);
  }

  private get drained(): boolean {
    return this.draining && !this.connection.inMulti;
  }

  private ungoverned(spec: CommandSpec): void {
    if (spec.role === ConnectionRole.NONE) this.connection.forwarded();
    else this.connection.command(spec);
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
    this.growth.mark();
    if (this.blocked) this.sampleReply = -1;
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
