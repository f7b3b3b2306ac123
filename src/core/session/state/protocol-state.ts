// The state of one client's connection that decides how replies are counted and what may be refused: MULTI, CLIENT REPLY,
// authentication, and what binds the next command. Commands change it (connection-commands.ts), and so do replies
// (ReplyListener). The server has the truth. Where Spillway cannot know it, it waits for the reply or lets the bytes pass unread.
//
//            MULTI            EXEC, DISCARD, RESET
//   plain ──────────▶ inMulti ────────────────────▶ plain
//      │  CLIENT REPLY OFF            CLIENT REPLY ON │
//      └──────────▶ (check) ──▶ silent ───────────────┘
//   any ── MONITOR, SYNC, SUBSCRIBE in MULTI, bad bytes ──▶ raw (a pipe), for good
import type { CommandSpec } from '../../commands/spec.js';
import type { FollowUpReply, TrafficObserver } from '../../policy/observer.js';
import type { Policy } from '../../policy/policy.js';
import { errorReply } from '../../resp/client-errors.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ByteSink } from '../byte-sink.js';
import type { Hold } from '../pooling/hold.js';
import { HELLO, HELLO_3 } from '../pooling/identity.js';
import { OwnProof } from '../pooling/own-proof.js';
import { Pending } from '../reply/pending-kind.js';
import { ReplySequencer } from '../reply/reply-sequencer.js';
import { Auth, type ReplyListener } from '../reply/upstream-state.js';
import { type FollowUpForm, FollowUps } from '../request/follow-ups.js';
import type { Intake } from '../request/intake.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { ConsoleProbe } from './console-probe.js';
import { Database } from './database.js';
import { ReplySilence } from './reply-silence.js';
import { RuleView } from './rule-view.js';
import { Transaction } from './transaction.js';
import { User } from './user.js';

/** The stand-in: every server refuses it for its arity and queues it in no transaction; a module's command could fit. */
export const BARE_GET = encodeCommand('GET');

const NOAUTH = errorReply('NOAUTH');

export class ProtocolState implements ReplyListener {
  readonly replies: ReplySequencer;
  readonly followUps: FollowUps;
  readonly console: ConsoleProbe;
  readonly database: Database;
  readonly user = new User();
  /** The rules for what goes up next. */
  readonly view: RuleView;
  readonly transaction: Transaction;
  readonly silence: ReplySilence;
  /** What the client's own connection has yet to show. */
  readonly proof = new OwnProof();
  /** The name that the client gave itself; '': none. For display only: the server may have refused it. */
  name = '';
  /** QUIT has gone up. */
  quits = false;
  /**
   * The connection that was made for the client has fewer rights than one made when the client came: the default user has got a
   * password meanwhile. The client must be ended.
   */
  hasOtherRights = false;
  /** Whether the hold must learn how the command under scan is answered. */
  private telling = false;
  /** ASKING or CLIENT CACHING binds the next command, so the server must see that command or a stand-in. */
  private bindsNext = false;
  /** The previous command was ASKING. */
  private asking = false;
  private readonly observer: TrafficObserver;

  constructor(
    readonly upstream: UpstreamWriter,
    client: ByteSink,
    private readonly args: RequestScanner,
    private readonly intake: Intake,
    policy: Policy,
    private readonly context: FollowUpForm & { readonly readonlySeen?: (() => void) | undefined },
    readonly hold: Hold,
  ) {
    const { observer } = policy;
    this.observer = observer;
    this.database = new Database(policy.databases);
    this.view = new RuleView(policy, this.database, this.user);
    this.replies = new ReplySequencer(client, this);
    this.silence = new ReplySilence(upstream, intake, this.replies);
    this.followUps = new FollowUps(upstream, this.replies, this.silence, observer, context);
    this.transaction = new Transaction(this.followUps, upstream);
    this.console = new ConsoleProbe(upstream, args);
  }

  /** The command under scan is forwarded. Queues its pending reply of this `kind`, unless the client asked for silence. */
  forwarded(kind: Pending = Pending.PASS, detail = 0, count = 1): void {
    const { telling } = this;
    this.bindsNext = false;
    if (this.asking || this.followUps.asked) this.noteAsking();
    this.telling = false;
    if (this.silence.takes()) return;
    this.replies.owe(telling && kind === Pending.PASS ? Pending.STATE : kind, detail, count);
  }

  /** The command just forwarded binds the next one. `asking`: it is ASKING. */
  bindNext(asking = false): void {
    this.bindsNext = true;
    this.asking = asking;
  }

  /** ASKING applies to the next command; in a transaction it lasts until EXEC (networking.c, resetClient). */
  private noteAsking(): void {
    this.followUps.asked = this.asking || (this.inMulti && this.followUps.asked);
    this.asking = false;
  }

  /** The command under scan is about to go up the client's own connection; `spec` undefined: an unknown one. */
  note(spec: CommandSpec | undefined): void {
    this.telling = this.hold.note(spec, this.args, this.inMulti);
  }

  get inMulti(): boolean {
    return this.transaction.open;
  }

  /** Whether a pending reply decides if a transaction is open. */
  get multiUnanswered(): boolean {
    return this.inMulti && !this.replies.idle;
  }

  /** The client needs this very connection, not just any of the same identity. */
  get held(): boolean {
    return (
      this.hold.any ||
      this.inMulti ||
      this.bindsNext ||
      this.silence.any ||
      this.followUps.anyWaiting ||
      this.intake.raw ||
      this.args.midStream ||
      this.replies.raw ||
      this.replies.upstream.subscribed
    );
  }

  /** Whether nothing shows when the server has executed what goes up. */
  get unanswered(): boolean {
    return this.silence.any || this.intake.raw || this.replies.raw;
  }

  /** A hidden command may go up before the command under scan: nothing binds that command, and no transaction is open. */
  get mayPrecede(): boolean {
    return !this.inMulti && !this.bindsNext && !this.silence.skipNext;
  }

  /** The connection becomes a pipe: from here on bytes pass both ways unread. */
  goRaw(): void {
    this.intake.goRaw();
    this.followUps.fail();
    this.replies.owe(Pending.RAW);
  }

  /**
   * Whether a command may be refused: Redis answers NOAUTH before OOM. Undefined: a pending reply will tell; stall.
   */
  mayRefuse(): boolean | undefined {
    if (this.replies.upstream.auth === Auth.YES) return true;
    if (!this.replies.idle) return undefined;
    if (this.replies.upstream.auth === Auth.NO) return false;
    // No reply has come yet, so the connection speaks RESP2, or RESP3 if it was greeted so (command pooling). Not PING: a user
    // may be forbidden to send it, and the server would log that.
    const { command } = this.hold.identity.resp === 3 ? HELLO_3 : HELLO;
    this.upstream.insertBefore(command);
    this.replies.owe(Pending.AUTH_PROBE);
    return undefined;
  }

  /**
   * Answers the command under scan, of which nothing was forwarded, with refusal `reply`. Where the server must know that there
   * was a command (in MULTI, or bound by the previous one) it gets the stand-in, and the text of its refusal is replaced.
   */
  refuse(reply: number): void {
    if (this.inMulti || this.bindsNext || this.silence.skipNext) {
      this.upstream.insertBehind(BARE_GET);
      this.forwarded(Pending.REFUSAL, reply);
    } else if (!this.silence.off) {
      this.replies.owe(Pending.LOCAL_OOM, reply);
    }
  }

  /** Gives key[start, end) a TTL if it has none, by a follow-up after the command just forwarded. */
  followUp(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    if (this.inMulti) {
      this.followUps.defer(slot, key, start, end, ttlMs);
      return;
    }
    this.followUps.send(slot, key, start, end, ttlMs);
  }

  /** A streaming command has gone up whole: sends the follow-ups that waited for that, unless EXEC is still to come. */
  largeWritten(): void {
    if (!this.inMulti) this.followUps.sendWaiting();
  }

  followUpAnswered(slot: number, reply: FollowUpReply): void {
    this.followUps.answered(slot, reply);
  }

  multiRefused(transaction: number): void {
    // Its WATCHed keys stay watched.
    this.hold.holdForGood();
    this.database.multiRefused();
    this.transaction.refused(transaction);
  }

  execAnswered(executed: boolean, detail: number): void {
    this.database.answered(executed, detail);
    this.transaction.answered(executed);
  }

  replyCheckAnswered(silent: boolean): void {
    this.silence.checked(silent);
  }

  stateAnswered(kind: Pending, taken: boolean, detail: number, loginFailed: boolean): void {
    if (kind === Pending.STATE) this.database.answered(taken, detail);
    else {
      this.user.answered(taken, detail);
      // The user's rights may differ.
      if (taken) this.followUps.userChanged();
    }
    this.hold.answered(taken, loginFailed);
    if (taken) this.proof.shown();
  }

  consoleAllowed(number: number, resp: 2 | 3): void {
    this.console.allowed(number, resp);
  }

  letIn(): void {
    this.proof.shown();
    this.hold.letIn();
  }

  loginWanted(hidden: boolean): void {
    if (!this.hold.loginWanted()) return;
    if (hidden) this.replies.sayAtOnce(NOAUTH);
    this.endRights();
  }

  /** Its own connection has other rights than the client. */
  endRights(): void {
    this.hasOtherRights = true;
    // Replies still to come were made under other rights.
    this.replies.abandon();
  }

  connectionReset(): void {
    this.name = '';
    this.database.reset();
    this.user.reset();
    this.hold.reset();
    this.proof.shown();
  }

  upstreamOom(): void {
    this.observer.onUpstreamOom();
  }

  upstreamReadonly(): void {
    this.context.readonlySeen?.();
  }

  protocolRefused(): void {
    this.hold.holdForGood();
  }
}
