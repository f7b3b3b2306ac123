// The state of one client's connection as far as replies and refusals depend on it: MULTI, CLIENT REPLY, what
// binds the next command, authentication, and when to stop understanding. The server has the truth; this is
// what Spillway must know of it, and where it cannot know it waits for the reply, or turns to passing bytes.
// It is long since each command with a role, and each reply that tells something, has its few lines here.
//
//            MULTI            EXEC, DISCARD, RESET
//   plain ──────────▶ inMulti ────────────────────▶ plain
//      │  CLIENT REPLY OFF            CLIENT REPLY ON │
//      └──────────▶ (check) ──▶ silent ───────────────┘
//   any ── MONITOR, SYNC, SUBSCRIBE in MULTI, bad bytes ──▶ raw, for good
import type { CommandSpec } from '../../commands/spec.js';
import type { FollowUpReply, TrafficObserver } from '../../policy/observer.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ByteSink } from '../byte-sink.js';
import type { Hold } from '../pooling/hold.js';
import { HELLO, HELLO_3 } from '../pooling/identity.js';
import { Pending } from '../reply/pending-kind.js';
import { ReplySequencer } from '../reply/reply-sequencer.js';
import { Auth, type ReplyListener } from '../reply/upstream-state.js';
import { type FollowUpForm, FollowUps } from '../request/follow-ups.js';
import type { Intake } from '../request/intake.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { ConsoleProbe } from './console-probe.js';
import { ReplySilence } from './reply-silence.js';
import { Transaction } from './transaction.js';

/** Refused by every server, queued by none: module commands may have any arity, this one has not. */
export const BARE_GET = encodeCommand('GET');

export class ProtocolState implements ReplyListener {
  readonly replies: ReplySequencer;
  readonly followUps: FollowUps;
  readonly console: ConsoleProbe;
  readonly transaction: Transaction;
  readonly silence: ReplySilence;
  /** What the client calls itself, '' if it doesn't. For people: whether the server took it is not looked at. */
  name = '';
  /** It has asked the server to end the connection. */
  quits = false;
  /**
   * The connection that was made for the client has fewer rights than that which it would have had since it came: the
   * default user has got a password meanwhile. It must go on on neither.
   */
  hasOtherRights = false;
  /** The hold wants to know how the command under scan is answered. */
  private telling = false;
  /** ASKING or CLIENT CACHING speaks of the next command: the server must see it. */
  private bindsNext = false;
  /** ASKING was the command before the one now forwarded. */
  private asking = false;

  constructor(
    readonly upstream: UpstreamWriter,
    client: ByteSink,
    private readonly args: RequestScanner,
    private readonly intake: Intake,
    private readonly observer: TrafficObserver,
    form: FollowUpForm,
    readonly hold: Hold,
  ) {
    this.replies = new ReplySequencer(client, this);
    this.silence = new ReplySilence(upstream, intake, this.replies);
    this.followUps = new FollowUps(upstream, this.replies, this.silence, observer, form);
    this.transaction = new Transaction(this.followUps, upstream);
    this.console = new ConsoleProbe(upstream, args);
  }

  /** The command under scan is forwarded and answered as `kind` says, unless the client asked for silence. */
  forwarded(kind: Pending = Pending.PASS, detail = 0, count = 1): void {
    const { telling } = this;
    this.bindsNext = false;
    if (this.asking || this.followUps.asked) this.noteAsking();
    this.telling = false;
    if (this.silence.takes()) return;
    this.replies.owe(telling && kind === Pending.PASS ? Pending.STATE : kind, detail, count);
  }

  /** The command just forwarded speaks of the next one: the server must see that too. `asking`: it is ASKING. */
  bindNext(asking = false): void {
    this.bindsNext = true;
    this.asking = asking;
  }

  /** ASKING holds for the next command; in a transaction it lasts up to EXEC (networking.c, resetClient). */
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

  /** Whether there is a transaction depends on a reply that is on its way. */
  get multiUnanswered(): boolean {
    return this.inMulti && !this.replies.idle;
  }

  /** Whether the client needs the connection that it has: not just any of the same identity. */
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

  /** Nothing tells when the server has run what goes up. */
  get unanswered(): boolean {
    return this.silence.any || this.intake.raw || this.replies.raw;
  }

  /** From here on bytes pass both ways as they come. */
  goRaw(): void {
    this.intake.raw = true;
    this.followUps.fail();
    this.replies.owe(Pending.RAW);
  }

  /**
   * Whether a command may be refused here at all: Redis would answer NOAUTH before OOM. Undefined: a reply that
   * tells is on its way, wait for it.
   */
  mayRefuse(): boolean | undefined {
    if (this.replies.upstream.auth === Auth.YES) return true;
    if (!this.replies.idle) return undefined;
    if (this.replies.upstream.auth === Auth.NO) return false;
    // A HELLO that switched would have told, so it is RESP2 still, unless it was greeted by RESP3 (command pooling).
    // PING may be forbidden, and would be logged as denied.
    const { command } = this.hold.identity.resp === 3 ? HELLO_3 : HELLO;
    this.upstream.insertBefore(command);
    this.replies.owe(Pending.AUTH_PROBE);
    return undefined;
  }

  /**
   * Answers the command under scan, of which nothing was forwarded, with OOM. Where the server must know of it
   * (MULTI, or something bound to this command), it gets a GET without a key, which it refuses for its arity; that
   * refusal then carries the OOM text.
   */
  refuse(): void {
    if (this.inMulti || this.bindsNext || this.silence.skipNext) {
      this.upstream.insertBehind(BARE_GET);
      this.forwarded(Pending.REFUSAL);
    } else if (!this.silence.off) {
      this.replies.owe(Pending.LOCAL_OOM);
    }
  }

  /** Gives key[start, end) a TTL if it has none, behind the command just forwarded. */
  followUp(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    if (this.inMulti) {
      this.followUps.defer(slot, key, start, end, ttlMs);
      return;
    }
    this.followUps.send(slot, key, start, end, ttlMs);
  }

  /** A large command has gone up whole: what waited for that is due, unless EXEC is still to come. */
  largeWritten(): void {
    if (!this.inMulti) this.followUps.sendWaiting();
  }

  followUpAnswered(slot: number, reply: FollowUpReply): void {
    this.followUps.answered(slot, reply);
  }

  multiRefused(transaction: number): void {
    // What it watches is watched on.
    this.hold.holdForGood();
    this.transaction.refused(transaction);
  }

  execAnswered(executed: boolean): void {
    this.transaction.answered(executed);
  }

  replyCheckAnswered(silent: boolean): void {
    this.silence.checked(silent);
  }

  stateAnswered(kind: Pending, taken: boolean): void {
    // HELLO or AUTH: rights may be others now.
    if (taken && kind !== Pending.STATE) this.followUps.userChanged();
    this.hold.answered(taken);
  }

  consoleAllowed(number: number, resp: 2 | 3): void {
    this.console.allowed(number, resp);
  }

  letIn(): void {
    this.hold.letIn();
  }

  loginWanted(): void {
    if (!this.hold.loginWanted()) return;
    this.hasOtherRights = true;
    // What is still to come was answered to somebody with other rights.
    this.replies.abandon();
  }

  connectionReset(): void {
    this.name = '';
    this.hold.reset();
  }

  upstreamOom(): void {
    this.observer.onUpstreamOom();
  }

  protocolRefused(): void {
    this.hold.holdForGood();
  }
}
