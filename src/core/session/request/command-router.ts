// Decides what happens to each of a client's commands. It stalls (for a connection, or for a reply that decides what the
// command means), is refused, is forwarded as the policy says, or changes the connection's state. Finds the command's row in
// the command table, and counts it.
// It is long because it is one decision: each way a command can go, whole or in pieces, in the order in which they are tried.
// Never touches bytes: WriteForwarder does that for writes, ConnectionCommands for commands that concern the connection.
import {
  arityFits,
  Carry,
  type CommandSpec,
  ConnectionRole,
  ScriptCall,
  Sharing,
  TtlChange,
} from '../../commands/spec.js';
import { Action, type Verdict } from '../../policy/verdict.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { mayLogIn } from '../pooling/own-proof.js';
import type { Placement } from '../pooling/placement.js';
import { Pending } from '../reply/pending-kind.js';
import type { PendingQueue } from '../reply/pending-queue.js';
import { Auth } from '../reply/upstream-state.js';
import type { SessionContext } from '../session-context.js';
import type { ProtocolState } from '../state/protocol-state.js';
import type { ConnectionCommands } from './connection-commands.js';
import type { FollowUps } from './follow-ups.js';
import type { Intake } from './intake.js';
import type { KeyChanges } from './key-changes.js';
import type { LargeWrite } from './large-write.js';
import type { LatencySampler } from './latency-sampler.js';
import type { ReliefWatch } from './relief-watch.js';
import { type CommandHandler, Flow } from './request-feed.js';
import { isGoverned, isNeededWhole, noteSource } from './script-calls.js';
import { Stops } from './stops.js';
import type { UpstreamWriter } from './upstream-writer.js';
import type { WriteForwarder } from './write-forwarder.js';

/** Redis 7 refuses more arguments before authentication (networking.c). Before 7.0 it refuses MOST_ARGUMENTS at any time. */
const MOST_ARGUMENTS_UNAUTHENTICATED = 10;
const MOST_ARGUMENTS = 1024 * 1024;

/** The parts of a session that its commands concern. */
export interface RouterParts {
  readonly args: RequestScanner;
  readonly intake: Intake;
  readonly upstream: UpstreamWriter;
  readonly protocol: ProtocolState;
  readonly connection: ConnectionCommands;
  /** Command pooling only. */
  readonly placement: Placement | undefined;
  readonly writes: WriteForwarder;
  readonly changes: KeyChanges;
  readonly latency: LatencySampler;
  readonly reliefs: ReliefWatch;
}

/** How much of a command a client may hold back before it gets a connection of its own for it. */
const MOST_HELD_BYTES = 256 * 1024;

export class CommandRouter implements CommandHandler {
  /** Why Spillway takes no new command: a drain or a pause. */
  readonly stops: Stops;
  /** The held command gets this reply, and does not go up. */
  private refusal: Uint8Array | undefined;
  /** The command that streams, if it is a governed write. */
  private largeWrite: LargeWrite | undefined;
  private largeSpec: CommandSpec | undefined;
  private readonly args: RequestScanner;
  private readonly intake: Intake;
  private readonly upstream: UpstreamWriter;
  private readonly protocol: ProtocolState;
  private readonly connection: ConnectionCommands;
  private readonly queue: PendingQueue;
  private readonly followUps: FollowUps;
  private readonly placement: Placement | undefined;
  private readonly writes: WriteForwarder;
  private readonly changes: KeyChanges;
  private readonly latency: LatencySampler;
  private readonly reliefs: ReliefWatch;

  constructor(
    private readonly context: SessionContext,
    parts: RouterParts,
  ) {
    this.args = parts.args;
    this.intake = parts.intake;
    this.upstream = parts.upstream;
    this.protocol = parts.protocol;
    this.connection = parts.connection;
    this.queue = parts.protocol.replies.queue;
    this.followUps = parts.protocol.followUps;
    this.placement = parts.placement;
    this.writes = parts.writes;
    this.changes = parts.changes;
    this.latency = parts.latency;
    this.reliefs = parts.reliefs;
    this.stops = new Stops(parts.args, parts.intake, parts.protocol);
  }

  get lookahead(): number {
    return this.context.lookaheadBytes;
  }

  /** Of the command that streams, `bytes` have gone up so far. */
  progressed(bytes: number): void {
    if (this.largeWrite !== undefined) this.writes.largeProgress(this.largeWrite, bytes);
  }

  command(): Flow {
    const { args } = this;
    const found = this.context.table.find(args.buf, args.starts[0], args.ends[0]);
    if (this.queue.runs >= this.context.pendingRuns || this.stops.forbidsCommand)
      return this.refused() ?? this.wait(found);
    const { placement } = this;
    if (placement !== undefined) {
      if (placement.movesForWrites && this.refuses(found)) return Flow.TAKEN;
      if (!placement.suits(found)) {
        const refused = this.refused();
        if (refused !== undefined) return refused;
        placement.hold.waits(found, args);
        return this.wait(found);
      }
      placement.taken();
    }
    const spec = this.understood(found);
    if (spec !== undefined && spec.role !== ConnectionRole.NONE && this.waitsToBeUnderstood(spec.role)) {
      return this.wait();
    }
    if (spec !== undefined && this.waitsForRules(spec)) return this.wait();
    const { proof } = this.protocol;
    if (placement?.isOwn) {
      if (proof.isDue) this.connection.prove(proof.first(found, spec !== undefined, args.argc));
      if (spec !== undefined || found === undefined) this.protocol.note(spec);
    }
    if (spec === undefined) this.protocol.forwarded(Pending.OPAQUE);
    else if (!isGoverned(spec, this.context.policy)) this.ungoverned(spec);
    else if (!this.govern(spec)) return this.wait();
    if (spec?.blocking) this.latency.blocks();
    if (proof.isOnTrial) this.intake.stall();
    this.context.counters.commands++;
    return Flow.TAKEN;
  }

  /** The held command gets `reply` when it is scanned again, and does not go up. */
  refuse(reply: Uint8Array): void {
    this.refusal = reply;
    this.placement?.wantsNothing();
  }

  /** What was held has been scanned again: no later command gets a refusal that was meant for it. */
  resumed(): void {
    this.refusal = undefined;
    this.stops.resumed();
  }

  /** Answers the command under scan, if it was held and is refused. */
  private refused(): Flow | undefined {
    const { refusal } = this;
    if (refusal === undefined) return undefined;
    this.refusal = undefined;
    this.placement?.wantsNothing();
    this.upstream.drop();
    this.protocol.replies.sayAtOnce(refusal);
    this.context.counters.commands++;
    return Flow.TAKEN;
  }

  /** Carries out the policy's verdict on the write under scan. Returns false if that needs a reply first. */
  private govern(spec: CommandSpec): boolean {
    const { args } = this;
    if (spec.script !== ScriptCall.NONE) noteSource(spec, args, this.context.policy);
    const verdict = this.decide(spec, args.next - args.start);
    if (verdict.action !== Action.SHED) {
      this.writes.forward(spec, verdict);
      return true;
    }
    const mayRefuse = this.protocol.mayRefuse();
    if (mayRefuse) this.writes.shed(spec, verdict);
    else if (mayRefuse === false) this.protocol.forwarded();
    return mayRefuse !== undefined;
  }

  empty(): Flow {
    if (this.stops.forbidsRest) return this.wait();
    this.connection.empty();
    return Flow.TAKEN;
  }

  mayBeTooMany(argc: number): boolean {
    return argc > MOST_ARGUMENTS || (argc > MOST_ARGUMENTS_UNAUTHENTICATED && !this.authenticated);
  }

  large(held: number): Flow {
    const size = held + this.args.missing(this.args.start + held);
    if (this.waitsWhole(size)) return Flow.HOLD;
    if (this.stops.forbidsCommand || this.placement?.getsOwn('large-value') === false) return this.wait();
    this.placement?.taken();
    const { args } = this;
    this.largeSpec = args.parsed > 0 ? this.largeUnderstood() : undefined;
    const { proof } = this.protocol;
    if (this.placement?.isOwn && proof.isDue)
      this.connection.prove(proof.firstLarge(this.largeSpec, args.argc));
    if (this.largeSpec !== undefined && this.waitsToLogIn(this.largeSpec.role)) return this.wait();
    if (this.largeSpec !== undefined && this.waitsForScript(this.largeSpec, size)) return Flow.HOLD;
    if (this.largeSpec === undefined || !isGoverned(this.largeSpec, this.context.policy)) return Flow.TAKEN;
    if (this.waitsForRules(this.largeSpec)) return this.wait();
    let verdict = this.decide(this.largeSpec, size);
    if (verdict.action === Action.UNDECIDED) {
      if (size <= this.context.lookaheadBytes && this.authenticated) return Flow.HOLD;
      verdict = this.context.policy.settle(args, this.largeSpec, this.mayFollowUp);
    }
    if (verdict.action === Action.SHED) {
      const mayRefuse = this.protocol.mayRefuse();
      if (mayRefuse === undefined) return this.wait();
      if (!mayRefuse) return Flow.TAKEN;
    }
    this.largeWrite = this.writes.beginLarge(this.largeSpec, verdict, size, this.mayFollowUp);
    return Flow.TAKEN;
  }

  argument(index: number): void {
    // A command that began to stream before its name had come is not governed, but its replies still count.
    if (index === 0) this.largeSpec = this.largeUnderstood();
    if (this.largeWrite !== undefined) this.writes.largeArgument(this.largeWrite, index);
  }

  largeEnd(): void {
    const { largeWrite, largeSpec } = this;
    this.largeWrite = undefined;
    this.largeSpec = undefined;
    this.protocol.note(largeSpec);
    if (largeWrite !== undefined) this.writes.endLarge(largeWrite);
    else if (largeSpec !== undefined) this.ungoverned(largeSpec);
    else this.protocol.forwarded(Pending.OPAQUE);
    this.context.counters.commands++;
  }

  scanned(): void {
    const { keys, evictable } = this.context.policy;
    keys?.settle();
    evictable?.settle?.();
  }

  malformed(): Flow {
    if (this.stops.isPaused) return this.wait();
    if (this.placement?.getsOwn('malformed') === false) return this.wait();
    this.protocol.goRaw();
    return Flow.TAKEN;
  }

  /**
   * Refuses the command under scan without moving the client to the shared connection for writes. Moving would cost a
   * pipeline of reads and refused writes a round trip for each.
   */
  private refuses(spec: CommandSpec | undefined): boolean {
    if (spec === undefined || !this.context.policy.mayRefuse || !this.authenticated) return false;
    const { args } = this;
    if (!isGoverned(spec, this.context.policy) || this.waitsForRules(spec)) return false;
    if (spec.sharing !== Sharing.SHARED || !arityFits(spec.arity, args.argc)) return false;
    // The verdict is not kept: while the client moves, the policy's one Verdict may be used for other clients.
    const verdict = this.decide(spec, args.next - args.start);
    if (verdict.action !== Action.SHED) return false;
    this.writes.shed(spec, verdict);
    this.placement?.taken();
    this.context.counters.commands++;
    return true;
  }

  /** The command under scan, if it is known and of correct arity. */
  private understood(spec: CommandSpec | undefined): CommandSpec | undefined {
    const { args } = this;
    if (spec === undefined || arityFits(spec.arity, args.argc)) return spec;
    // EXEC is refused before it is executed: its transaction has failed.
    if (spec.role === ConnectionRole.EXEC) {
      this.protocol.transaction.end();
      this.protocol.database.discard();
    }
    return undefined;
  }

  private largeUnderstood(): CommandSpec | undefined {
    const { args } = this;
    if (args.starts[0] < 0) return undefined;
    const spec = this.understood(this.context.table.find(args.buf, args.starts[0], args.ends[0]));
    // A PROXY question is never this large: it has gone up, so that the server refuses it.
    return spec?.role === ConnectionRole.CONSOLE ? undefined : spec;
  }

  /**
   * For a command that streams, a client that shares would need a connection of its own. If a cut command is not too large, it
   * waits for its rest instead, unless much waits already.
   */
  private waitsWhole(size: number): boolean {
    const { placement } = this;
    // The server refuses by the head alone what clients without a login must not send.
    if (placement === undefined || placement.isOwn || !placement.isKnown || this.stops.forbidsCommand)
      return false;
    if (this.mayBeTooMany(this.args.argc)) return false;
    return size <= MOST_HELD_BYTES && this.context.memory?.isShort !== true;
  }

  private get authenticated(): boolean {
    return this.protocol.replies.upstream.auth === Auth.YES;
  }

  private get mayFollowUp(): boolean {
    return this.followUps.possible;
  }

  private decide(spec: CommandSpec, size: number): Verdict {
    const { database, view } = this.protocol;
    const rules = view.rulesFor(spec, this.args);
    return this.context.policy.decide(this.args, spec, size, this.mayFollowUp, database.current, rules);
  }

  /** Whether it is a script that must be held until it is whole. */
  private waitsForScript(spec: CommandSpec, size: number): boolean {
    if (!isNeededWhole(spec, this.context.policy)) return false;
    return size <= this.context.lookaheadBytes && this.authenticated;
  }

  private ungoverned(spec: CommandSpec): void {
    if (spec.script !== ScriptCall.NONE) noteSource(spec, this.args, this.context.policy);
    if (spec.role === ConnectionRole.NONE) {
      const noted = spec.ttlChange !== TtlChange.NONE && !this.args.streaming;
      if (noted) this.changes.before(spec);
      this.protocol.forwarded(spec.opaque ? Pending.OPAQUE : Pending.PASS);
      if (noted) this.writes.changed(spec);
      if (spec.script !== ScriptCall.NONE && !this.args.streaming) this.writes.scripted();
    } else this.connection.command(spec);
    if (spec.eases) this.reliefs.forwarded(spec, this.args, this.protocol.inMulti);
    if (spec.role === ConnectionRole.CONSOLE) this.latency.asks();
  }

  /** Whether the meaning of the command depends on a pending reply. */
  private waitsToBeUnderstood(role: ConnectionRole): boolean {
    return this.waitsToLogIn(role) || this.waitsForMulti(role) || this.waitsToSelect(role);
  }

  /**
   * Whether to wait before a SELECT: in a transaction whose MULTI may have been refused, if rules name databases; or after very
   * many other SELECTs. Otherwise the database of later writes would be unknown.
   */
  private waitsToSelect(role: ConnectionRole): boolean {
    if (role !== ConnectionRole.SELECT) return false;
    const { database, multiUnanswered, view } = this.protocol;
    return database.full || (multiUnanswered && view.matters);
  }

  /** Whether the rules for a write depend on the answer to SELECT, AUTH or EXEC. */
  private waitsForRules(spec: CommandSpec): boolean {
    const { view, replies } = this.protocol;
    if (!view.matters || replies.idle) return false;
    if (spec.carry === Carry.COPY || spec.carry === Carry.MOVE) return view.waitsElsewhere;
    return view.waits && (spec.carry !== Carry.NONE || isGoverned(spec, this.context.policy));
  }

  /** Whether an earlier MULTI may have been refused: then this MULTI begins the transaction, or this PROXY is not in one. */
  private waitsForMulti(role: ConnectionRole): boolean {
    const decided = role === ConnectionRole.MULTI || role === ConnectionRole.CONSOLE;
    return decided && this.protocol.multiUnanswered;
  }

  /**
   * AUTH, or HELLO with AUTH, behind pending replies. If it fails while the server has an earlier reply to send, Redis from
   * 7.2 on and Valkey before 9 leave out its error (github.com/redis/redis/issues/15640). Later replies would then be matched
   * to the wrong commands. In a transaction this cannot be avoided; see ConnectionCommands.opaqueInMulti().
   */
  private waitsToLogIn(role: ConnectionRole): boolean {
    return (
      mayLogIn(role, this.args.argc) &&
      !this.protocol.replies.idle &&
      (!this.protocol.inMulti || this.protocol.multiUnanswered)
    );
  }

  private wait(found?: CommandSpec): Flow {
    this.stops.held();
    const { protocol } = this;
    if (found?.role === ConnectionRole.CONSOLE && !protocol.silence.any) protocol.console.hold();
    this.intake.stall();
    return Flow.AGAIN;
  }
}
